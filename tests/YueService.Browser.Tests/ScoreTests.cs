using System.Text.Json;
using Microsoft.Playwright;
using Xunit;

namespace YueService.Browser.Tests;

/// <summary>Tests the score of a song: its kind, its notes, its text, the editor in the form, and the MIDI file.</summary>
public sealed class ScoreTests(Studio studio)
{
    private const int MaxBytes = 165_000;
    private const string SongFrame = ".score iframe";
    private const string FormFrame = ".score-card iframe";
    private const string MidiButton = ".score-tools [aria-label='Download MIDI']:enabled";

    [Fact]
    public async Task A_score_appears_early_and_can_be_edited_sung_and_saved_by_keyboard()
    {
        var service = await studio.ScoresAsync();
        await using var tab = await studio.OpenAsync(service);
        var keys = tab.Page.Keyboard;
        await Assertions.Expect(tab.Page.Locator(".score-section")).ToBeVisibleAsync();
        await tab.TabToAsync("textarea");
        await keys.PressAsync("Control+A");
        await keys.TypeAsync("seconds=600");
        await keys.PressAsync("Control+Enter");
        await Assertions.Expect(NotesIn(tab, SongFrame)).ToBeVisibleAsync();
        await Assertions.Expect(tab.Page.FrameLocator(SongFrame).GetByText("verse")).ToBeVisibleAsync();
        var first = await tab.SongIdAsync();
        var job = await service.JobAsync(first);
        Assert.Equal(("running", JsonValueKind.Null), (job.GetProperty("state").GetString(), job.GetProperty("song").ValueKind));
        await tab.CheckAccessibilityAsync("a song with its score");

        await tab.TabToAsync(".score-tools button");
        await keys.PressAsync("Enter");
        var text = tab.Page.Locator("#score-text");
        await Assertions.Expect(text).ToBeFocusedAsync();
        await Assertions.Expect(text).ToHaveValueAsync(Scores.Written);
        await keys.PressAsync("Control+A");
        await keys.TypeAsync(Scores.Edited);
        await Assertions.Expect(NotesIn(tab, FormFrame)).ToBeVisibleAsync();
        await tab.CheckAccessibilityAsync("a score in the form");
        await keys.PressAsync("Shift+Tab");
        await tab.TabToAsync("textarea:not(#score-text)");
        await keys.PressAsync("Control+A");
        await keys.TypeAsync("La la");
        await keys.PressAsync("Control+Enter");
        await Assertions.Expect(tab.Actions).ToBeVisibleAsync();
        var second = await tab.SongIdAsync();
        job = await service.JobAsync(second);
        Assert.NotEqual(first, second);
        Assert.Equal(Scores.Edited, job.GetProperty("request").GetProperty("score").GetString());
        Assert.Equal(Scores.Edited, job.GetProperty("song").GetProperty("score").GetString());

        await tab.TabToAsync(MidiButton);
        var download = await tab.Page.RunAndWaitForDownloadAsync(() => keys.PressAsync("Enter"));
        Assert.Equal("La la.mid", download.SuggestedFilename);
        var midi = await File.ReadAllBytesAsync((await download.PathAsync())!, TestContext.Current.CancellationToken);
        Assert.Equal("MThd"u8.ToArray(), midi[..4]);
    }

    [Fact]
    public async Task The_kind_of_score_can_be_chosen_including_no_score()
    {
        var service = await studio.ScoresAsync();
        await using var tab = await studio.OpenAsync(service);
        await tab.Form.GetByLabel("Kind of score").SelectOptionAsync("Only the melody");
        await tab.Sing.ClickAsync();
        await Assertions.Expect(tab.Actions).ToBeVisibleAsync();
        var first = await tab.SongIdAsync();
        Assert.Equal("melody", (await service.JobAsync(first)).GetProperty("request").GetProperty("plan").GetString());
        await Assertions.Expect(tab.Page.Locator(SongFrame)).ToBeVisibleAsync();

        await tab.Form.GetByLabel("Kind of score").SelectOptionAsync("No score");
        await tab.Sing.ClickAsync();
        await tab.Page.WaitForFunctionAsync("id => !location.hash.endsWith(id)", first);
        await Assertions.Expect(tab.Actions).ToBeVisibleAsync();
        await Assertions.Expect(tab.Page.Locator(".score")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task A_score_alone_is_shown_without_a_waveform_and_then_sung()
    {
        var service = await studio.ScoresAsync();
        await using var tab = await studio.OpenAsync(service);
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Score", Exact = true }).ClickAsync();
        await tab.Sing.ClickAsync();
        await Assertions.Expect(NotesIn(tab, SongFrame)).ToBeVisibleAsync();
        await Assertions.Expect(tab.Actions).ToBeVisibleAsync();
        await Assertions.Expect(tab.Page.Locator(".lanes")).ToHaveCountAsync(0);
        await Assertions.Expect(tab.PlayButton).ToBeDisabledAsync();
        await tab.CheckAccessibilityAsync("a score alone");
        await tab.Song.GetByRole(AriaRole.Button, new() { Name = "Sing this score" }).ClickAsync();
        await Assertions.Expect(tab.Page.Locator(".lanes")).ToBeVisibleAsync();
        await Assertions.Expect(tab.Actions).ToBeVisibleAsync();
        var job = await service.JobAsync(await tab.SongIdAsync());
        Assert.Equal("full", job.GetProperty("song").GetProperty("stage").GetString());
        Assert.Equal(Scores.Written, job.GetProperty("request").GetProperty("score").GetString());
    }

    [Theory]
    [InlineData(Scores.Markup)]
    [InlineData(Scores.Directives)]
    [InlineData(Scores.Poem)]
    public async Task An_invalid_score_is_shown_as_text_with_warnings_and_does_no_harm(string score)
    {
        var service = await studio.ScoresAsync();
        var job = await service.SingAsync(new { lyrics = "La", genre = "folk", score });
        await using var tab = await studio.OpenAsync(service, $"/#song={job.GetProperty("id").GetString()}");
        await Assertions.Expect(tab.Page.Locator(".score .finding").First).ToBeVisibleAsync();
        await Assertions.Expect(tab.Page.Locator(".score .abc")).ToHaveTextAsync(score);
        await tab.CheckAccessibilityAsync("an invalid score");
        Assert.Equal(1280, await tab.Page.EvaluateAsync<int>("() => document.documentElement.scrollWidth"));
        Assert.False(await tab.Page.EvaluateAsync<bool>("() => 'hacked' in window"));
        Assert.Equal(0, await tab.Page.FrameLocator(SongFrame).Locator("a, script:not([src]), iframe, img, object").CountAsync());
        Assert.All(tab.Requests, request => Assert.StartsWith(service.Address.ToString(), request.Url, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_longest_score_is_drawn_and_a_longer_one_gets_an_error_at_its_field()
    {
        var service = await studio.ScoresAsync();
        var job = await service.SingAsync(new { lyrics = "La", genre = "folk", score = Scores.Longest() });
        await using var tab = await studio.OpenAsync(service, $"/#song={job.GetProperty("id").GetString()}");
        await Assertions.Expect(NotesIn(tab, SongFrame)).ToBeVisibleAsync();
        await tab.Song.GetByRole(AriaRole.Button, new() { Name = "Edit score" }).ClickAsync();
        var text = tab.Page.Locator("#score-text");
        await Assertions.Expect(text).ToBeFocusedAsync();

        // Chromium takes a minute to insert this much text if it is typed.
        await text.EvaluateAsync(
            "(area, value) => { area.value = value; area.dispatchEvent(new Event('input', { bubbles: true })); }",
            Scores.Longest()[..50_000] + Scores.Longest()[..50_000]);
        await Assertions.Expect(tab.Page.Locator(FormFrame)).ToHaveCountAsync(0);
        await Assertions.Expect(tab.Page.Locator(".score-card .finding")).ToHaveTextAsync("The score is too long to be drawn.");
        await Assertions.Expect(tab.Page.Locator("#score-fault")).ToContainTextAsync("60000");
        await text.FillAsync(Scores.Edited);
        await Assertions.Expect(NotesIn(tab, FormFrame)).ToBeVisibleAsync();
        await Assertions.Expect(tab.Page.Locator("#score-fault")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Scores_fit_on_a_phone_and_scroll_inside_their_frame()
    {
        var service = await studio.ScoresAsync();
        var job = await service.SingAsync(new { lyrics = "La", genre = "folk" });
        var options = new BrowserNewContextOptions { ViewportSize = new() { Width = 390, Height = 844 }, HasTouch = true };
        await using var tab = await studio.OpenAsync(service, $"/#song={job.GetProperty("id").GetString()}", options);
        await Assertions.Expect(NotesIn(tab, SongFrame)).ToBeVisibleAsync();
        Assert.Equal(390, await tab.Page.EvaluateAsync<int>("() => document.documentElement.scrollWidth"));
        await tab.CheckAccessibilityAsync("a score on a phone");
        var sheet = tab.Page.FrameLocator(SongFrame).Locator("#sheet");
        Assert.True(await sheet.EvaluateAsync<bool>("sheet => sheet.scrollWidth > sheet.clientWidth"));
        const string Cut = "notes => notes.querySelector('svg').getBoundingClientRect().bottom - notes.getBoundingClientRect().bottom";
        Assert.InRange(await sheet.Locator("#notes").EvaluateAsync<double>(Cut), -1, 1);
        await tab.Song.GetByRole(AriaRole.Button, new() { Name = "Edit score" }).ClickAsync();
        await Assertions.Expect(NotesIn(tab, FormFrame)).ToBeVisibleAsync();
        Assert.Equal(390, await tab.Page.EvaluateAsync<int>("() => document.documentElement.scrollWidth"));
        await tab.CheckAccessibilityAsync("a score in the form on a phone");
    }

    [Fact]
    public async Task A_score_is_shown_as_text_if_the_notation_library_does_not_load()
    {
        var service = await studio.ScoresAsync();
        var job = await service.SingAsync(new { lyrics = "La", genre = "folk" });
        await using var tab = await studio.OpenAsync(service, path: null);
        tab.Expected = "Failed to load resource";
        await tab.Page.RouteAsync("**/abcjs*/*", route => route.AbortAsync());
        await tab.Page.GotoAsync($"/#song={job.GetProperty("id").GetString()}");
        await Assertions.Expect(tab.Page.Locator(".score .abc")).ToHaveTextAsync(Scores.Written);
        await Assertions.Expect(tab.Page.Locator(".score .finding")).ToContainTextAsync("The notes cannot be drawn");
        await Assertions.Expect(tab.Song.GetByRole(AriaRole.Button, new() { Name = "Download MIDI" })).ToBeDisabledAsync();
    }

    [Fact]
    public async Task Notes_are_drawn_in_a_sandbox_by_a_library_of_limited_size()
    {
        var service = await studio.ScoresAsync();
        var job = await service.SingAsync(new { lyrics = "La", genre = "folk" });
        await using var tab = await studio.OpenAsync(service, $"/#song={job.GetProperty("id").GetString()}");
        await Assertions.Expect(NotesIn(tab, SongFrame)).ToBeVisibleAsync();
        var parts = tab.Requests.Where(request => request.Url.Contains("score", StringComparison.Ordinal)
            || request.Url.Contains("abcjs", StringComparison.Ordinal)).ToList();
        Assert.Equal(4, parts.Count);
        var sizes = await Task.WhenAll(parts.Select(async request => (await request.SizesAsync()).ResponseBodySize));
        Assert.InRange(sizes.Sum(), 10_000, MaxBytes);
        var frame = tab.Page.Frames.Single(frame => frame.Url.EndsWith("/score.html", StringComparison.Ordinal));
        Assert.Equal("null", await frame.EvaluateAsync<string>("() => self.origin"));
    }

    private static ILocator NotesIn(StudioTab tab, string frame) => tab.Page.FrameLocator(frame).Locator("svg[role=img] path").First;
}
