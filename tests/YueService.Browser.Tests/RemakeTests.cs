using System.Text.Json;
using Microsoft.Playwright;
using Xunit;

namespace YueService.Browser.Tests;

/// <summary>Tests remakes, continuations, drafts, takes, and songs that were cut short.</summary>
public sealed class RemakeTests(Studio studio)
{
    [Fact]
    public async Task Singing_a_section_again_leaves_the_section_before_it_unchanged()
    {
        var service = await studio.ServiceAsync();
        var first = await studio.SongAsync();
        await using var tab = await OpenAsync(service, first);
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "chorus", Exact = true }).ClickAsync();
        await tab.Song.GetByRole(AriaRole.Button, new() { Name = "Sing chorus again" }).ClickAsync();
        var second = await WhenFinishedAsync(tab, first);
        var job = await service.JobAsync(second);
        Assert.Equal("replace_section", job.GetProperty("parent").GetProperty("how").GetString());
        Assert.Equal(2, job.GetProperty("parent").GetProperty("section").GetInt32());
        var (before, after) = (await CodesAsync(service, first), await CodesAsync(service, second));
        Assert.True(JsonElement.DeepEquals(before[0], after[0]));
        Assert.False(JsonElement.DeepEquals(before[1], after[1]));
        await Assertions.Expect(tab.Page.Locator(".item.depth-1.on .pick b")).ToHaveTextAsync("Chorus sung again");
        await Assertions.Expect(tab.Page.Locator(".from")).ToHaveTextAsync("Chorus sung again in the song it comes from");
        await Assertions.Expect(tab.Song.GetByRole(AriaRole.Heading, new() { Name = "Three seconds" })).ToBeVisibleAsync();

        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "chorus", Exact = true }).ClickAsync();
        await tab.Song.GetByRole(AriaRole.Button, new() { Name = "Edit words" }).ClickAsync();
        await tab.Form.GetByLabel("Words of chorus").FillAsync("Na na new words");
        await tab.Form.GetByRole(AriaRole.Button, new() { Name = "Sing the new chorus" }).ClickAsync();
        var third = await WhenFinishedAsync(tab, second);
        job = await service.JobAsync(third);
        Assert.Equal("[verse]\nLa la la\n\n[chorus]\nNa na new words", job.GetProperty("request").GetProperty("lyrics").GetString());
        Assert.Equal(2, job.GetProperty("request").GetProperty("replace_section").GetInt32());
        Assert.Equal(second, job.GetProperty("parent").GetProperty("id").GetString());
        Assert.True(JsonElement.DeepEquals(before[0], (await CodesAsync(service, third))[0]));
        await Assertions.Expect(tab.Page.Locator(".lyrics")).ToContainTextAsync("Na na new words");
    }

    [Fact]
    public async Task A_song_is_continued_with_a_section_that_is_written_for_it()
    {
        var service = await studio.ServiceAsync();
        var first = await studio.SongAsync();
        await using var tab = await OpenAsync(service, first);
        await tab.Song.GetByRole(AriaRole.Button, new() { Name = "Continue the song" }).ClickAsync();
        await Assertions.Expect(tab.Page.Locator(".card.fixed")).ToHaveCountAsync(2);
        var words = tab.Form.GetByLabel("Words of verse, section 3 of 3");
        await Assertions.Expect(words).ToBeFocusedAsync();
        await tab.Page.Keyboard.TypeAsync("Na na na");
        await tab.CheckAccessibilityAsync("continuing a song");
        await tab.Form.GetByRole(AriaRole.Button, new() { Name = "Sing the new section" }).ClickAsync();
        var job = await service.JobAsync(await WhenFinishedAsync(tab, first));
        Assert.Equal("continue", job.GetProperty("parent").GetProperty("how").GetString());
        Assert.Equal(3, job.GetProperty("song").GetProperty("sections").GetArrayLength());
        Assert.EndsWith("Na na na", job.GetProperty("lyrics").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_song_whose_model_cannot_continue_songs_has_no_continue_button()
    {
        var service = await studio.ServiceAsync();
        var song = await studio.SongAsync();
        await using var tab = await studio.OpenAsync(service, path: null);
        await tab.ChangeResponsesAsync(
            "**/v1/options", body => body.Replace("\"sing_again\"", "\"score\"", StringComparison.Ordinal));
        await tab.Page.GotoAsync($"/#song={song}");
        await Assertions.Expect(tab.Song.GetByRole(AriaRole.Button, new() { Name = "Edit words" })).ToBeVisibleAsync();

        // The list of songs may show a song as "Continued".
        foreach (var name in new[] { "Continue", "Continue the song" })
        {
            await Assertions.Expect(tab.Page.GetByRole(AriaRole.Button, new() { Name = name, Exact = true })).ToHaveCountAsync(0);
        }
    }

    [Fact]
    public async Task A_draft_is_finished()
    {
        var service = await studio.ServiceAsync();
        await using var tab = await studio.OpenAsync(service);
        await tab.WriteShortSongAsync();
        await tab.Form.GetByRole(AriaRole.Button, new() { Name = "Draft", Exact = true }).ClickAsync();
        await tab.Sing.ClickAsync();
        var draft = await WhenFinishedAsync(tab, "");
        Assert.Equal("draft", (await service.JobAsync(draft)).GetProperty("song").GetProperty("stage").GetString());
        await tab.Song.GetByRole(AriaRole.Button, new() { Name = "Finish it" }).ClickAsync();
        var job = await service.JobAsync(await WhenFinishedAsync(tab, draft));
        Assert.Equal("finish", job.GetProperty("song").GetProperty("stage").GetString());
        Assert.Equal(draft, job.GetProperty("parent").GetProperty("id").GetString());
    }

    [Fact]
    public async Task Takes_are_switched_by_keyboard_while_the_player_keeps_its_position()
    {
        var service = await studio.ServiceAsync();
        await using var tab = await studio.OpenAsync(service);
        await tab.WriteShortSongAsync(seed: 40);
        await tab.Form.GetByRole(AriaRole.Button, new() { Name = "4 takes" }).ClickAsync();
        await tab.Sing.ClickAsync();
        await Assertions.Expect(tab.Page.Locator(".takes kbd")).ToHaveTextAsync(["1", "2", "3", "4"]);
        await WhenFinishedAsync(tab, "");
        var slider = tab.Song.GetByRole(AriaRole.Slider, new() { Name = "Position in the song" });
        await Assertions.Expect(tab.PlayButton).ToHaveAttributeAsync("aria-label", "Play");
        await slider.PressAsync("Home");
        await slider.PressAsync("ArrowRight");
        await tab.Page.Locator("h1").ClickAsync();
        var takes = new Dictionary<string, double>();
        foreach (var take in new[] { 2, 3, 4, 1 })
        {
            await tab.Page.Keyboard.PressAsync($"{take}");
            await Assertions.Expect(tab.Page.GetByRole(AriaRole.Tab, new() { Name = $"Take {take}" }))
                .ToHaveAttributeAsync("aria-selected", "true");
            await Assertions.Expect(slider).ToHaveAttributeAsync("aria-valuetext", "1 second of 3 seconds");
            var job = await service.JobAsync(await tab.SongIdAsync());
            Assert.Equal(39 + take, job.GetProperty("song").GetProperty("seed").GetInt64());
            takes.Add(job.GetProperty("id").GetString()!, LufsOf(job));
        }

        await tab.CheckAccessibilityAsync("takes");

        // Louder takes are reduced to the level of the quietest one.
        var quietest = takes.Values.Min();
        Assert.InRange(quietest, -60, -5);
        var gains = await tab.Page.EvaluateAsync<double[]>(
            "async ids => { const { songGains } = await import('/js/player.js'); return ids.map(id => songGains.value.get(id)); }",
            takes.Keys);
        Assert.All(takes.Values.Zip(gains), take => Assert.Equal(quietest, take.First + take.Second, 0.01));

        // A take that is selected during playback continues from the same position.
        var switched = await tab.Page.EvaluateAsync<JsonElement>(
            """
            async () => {
              const { isPlaying, playingId, position } = await import('/js/player.js');
              document.querySelector('.player .play').click();
              while (position.value < 1.2) {
                await new Promise(requestAnimationFrame);
              }

              const before = position.value;
              document.querySelector('h1').dispatchEvent(new KeyboardEvent('keydown', { key: '3', bubbles: true }));
              return { isPlaying: isPlaying.value, id: playingId.value, before, after: position.value };
            }
            """);
        Assert.True(switched.GetProperty("isPlaying").GetBoolean());
        Assert.Equal(takes.Keys.ElementAt(1), switched.GetProperty("id").GetString());
        Assert.Equal(switched.GetProperty("before").GetDouble(), switched.GetProperty("after").GetDouble());
    }

    [Fact]
    public async Task Renaming_a_take_renames_the_others_too()
    {
        var service = await studio.ServiceAsync();
        await using var tab = await studio.OpenAsync(service);
        await tab.WriteShortSongAsync();
        await tab.Form.GetByRole(AriaRole.Button, new() { Name = "2 takes" }).ClickAsync();
        await tab.Sing.ClickAsync();
        var first = await WhenFinishedAsync(tab, "");
        await tab.Page.Locator("h1").DblClickAsync();
        await tab.Song.GetByLabel("Title of the song").FillAsync("Two of a kind");
        await tab.Page.Keyboard.PressAsync("Enter");
        await tab.Page.GetByRole(AriaRole.Tab, new() { Name = "Take 2" }).ClickAsync();
        await Assertions.Expect(tab.Song.GetByRole(AriaRole.Heading, new() { Name = "Two of a kind" })).ToBeVisibleAsync();
        var second = await tab.SongIdAsync();
        Assert.NotEqual(first, second);
        await Eventually.TrueAsync(async () => (await service.JobAsync(second)).GetProperty("title").GetString() == "Two of a kind");
    }

    [Fact]
    public async Task A_song_that_was_cut_short_says_so_and_can_be_sung_with_a_higher_limit()
    {
        var service = await studio.ServiceAsync();
        var job = await service.SingAsync(new { lyrics = ShortSong.Lyrics, genre = "folk", max_new_tokens = 100 });
        await using var tab = await OpenAsync(service, job.GetProperty("id").GetString()!);
        var notice = tab.Page.Locator(".notice");
        await Assertions.Expect(notice).ToHaveTextAsync(
            "Cut short: verse and chorus. They had not ended after 1 s, the limit for one section of this song. "
                + "The end is faded out.Sing it with twice the limit");
        await tab.CheckAccessibilityAsync("a song that was cut");
        await notice.GetByRole(AriaRole.Button).ClickAsync();
        var again = await service.JobAsync(await WhenFinishedAsync(tab, job.GetProperty("id").GetString()!));
        Assert.Equal(200, again.GetProperty("request").GetProperty("max_new_tokens").GetInt32());
        Assert.Equal(job.GetProperty("song").GetProperty("seed").GetInt64(), again.GetProperty("song").GetProperty("seed").GetInt64());
    }

    [Fact]
    public async Task A_song_that_was_cut_at_its_target_length_can_be_sung_at_full_length()
    {
        var service = await studio.ServiceAsync();
        var lyrics = "[verse]\nLa la la, la la la, la la la\n\n[chorus]\nOh oh oh\n\n[bridge]\nNa na";
        var job = await service.SingAsync(new { lyrics, genre = "folk", target_seconds = 1 });
        await using var tab = await OpenAsync(service, job.GetProperty("id").GetString()!);
        await Assertions.Expect(tab.Page.Locator(".notice").First)
            .ToContainTextAsync("1 s each were requested, but there was more to sing.");
        await Assertions.Expect(tab.Song.GetByRole(AriaRole.Button, new() { Name = "Sing it at full length" })).ToBeVisibleAsync();

        // The omitted sections can be sung next.
        await Assertions.Expect(tab.Page.Locator(".notice").Last).ToContainTextAsync("Not sung: bridge.");
        await tab.Song.GetByRole(AriaRole.Button, new() { Name = "Continue with it" }).ClickAsync();
        await tab.Sing.ClickAsync();
        var all = await service.JobAsync(await WhenFinishedAsync(tab, job.GetProperty("id").GetString()!));
        Assert.Equal(3, all.GetProperty("song").GetProperty("sections").GetArrayLength());
    }

    private static double LufsOf(JsonElement job) => job.GetProperty("song").GetProperty("mix_lufs").GetDouble();

    private static async Task<JsonElement> CodesAsync(ServiceProcess service, string id) =>
        (await service.JsonAsync($"/v1/songs/{id}/codes")).GetProperty("sections");

    /// <summary>Waits until a different song is shown and finished, and returns its id.</summary>
    private static async Task<string> WhenFinishedAsync(StudioTab tab, string before)
    {
        await tab.Page.WaitForFunctionAsync($"() => location.hash.startsWith('#song=') && !location.hash.endsWith('={before}')");
        await Assertions.Expect(tab.Actions).ToBeVisibleAsync();
        return await tab.SongIdAsync();
    }

    private async Task<StudioTab> OpenAsync(ServiceProcess service, string id)
    {
        var tab = await studio.OpenAsync(service, $"/#song={id}");
        await Assertions.Expect(tab.Actions).ToBeVisibleAsync();
        return tab;
    }
}
