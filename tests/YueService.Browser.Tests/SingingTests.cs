using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Playwright;
using Xunit;

namespace YueService.Browser.Tests;

/// <summary>Tests what is announced, drawn and played while a song is being made and after it is finished.</summary>
public sealed class SingingTests(Studio studio)
{
    // Records the sentences of the live region, and how far the sections and the stems are drawn.
    private const string Record =
        """
        () => {
          const region = document.querySelector('[aria-live]');
          window.announced = [];
          new MutationObserver(() => { if (region.textContent) { announced.push(region.textContent); } })
            .observe(region, { childList: true, characterData: true, subtree: true });

          // Returns the positions, from 0 to 1, of the first and the last column higher than the line drawn for silence.
          const drawn = canvas => {
            const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
            copy.drawImage(canvas, 0, 0);
            const { data, width, height } = copy.getImageData(0, 0, canvas.width, canvas.height);
            const columns = Array.from({ length: width }, (_, x) =>
              Array.from({ length: height }, (_, y) => data[(y * width + x) * 4 + 3] > 0 ? 1 : 0).reduce((sum, dot) => sum + dot, 0));
            const isHigh = size => size > 4 * devicePixelRatio;
            return [columns.findIndex(isHigh) / width, columns.findLastIndex(isHigh) / width];
          };
          window.drawings = [];
          setInterval(() => {
            const sections = [...document.querySelectorAll('.block:not(.plus)')];
            const canvases = [...document.querySelectorAll('.lane canvas')].filter(canvas => canvas.width > 0 && canvas.height > 0);
            if (sections.length > 0 && canvases.length === 2) {
              const shares = sections.map(section => parseFloat(section.style.getPropertyValue('--done')));
              drawings.push({ sections: shares, stems: canvases.map(drawn) });
            }
          }, 200);
        }
        """;

    // Seeks to the beginning repeatedly, so that playback does not reach the end of a short song.
    private const string Repeat =
        """
        async () => {
          const { position, seek } = await import('/js/player.js');
          window.position = position;
          setInterval(() => { if (position.value > 1) { seek(0); } }, 100);
        }
        """;

    [Fact]
    public async Task A_song_is_announced_and_drawn_as_it_is_sung_and_plays_until_it_is_paused()
    {
        var service = await studio.ServiceAsync();
        await using var tab = await studio.OpenAsync(service);
        await tab.Form.GetByLabel("Words of verse").FillAsync("Announced");
        await tab.WriteShortSongAsync(secondsPerSection: 3);
        await tab.Page.EvaluateAsync(Record);
        await tab.Sing.ClickAsync();
        await tab.HearAsync();
        await tab.Page.EvaluateAsync(Repeat);
        await Assertions.Expect(tab.Page.Locator(".lanes .note")).ToContainTextAsync("Stems");
        await Assertions.Expect(tab.Actions).ToBeVisibleAsync();
        await tab.Page.WaitForFunctionAsync("() => announced.some(text => text.includes('Announced is finished'))");
        var drawings = await tab.Page.EvaluateAsync<JsonElement>("() => drawings");
        ExpectFromLeftToRight([.. drawings.EnumerateArray()]);
        string[] states = ["Announced is waiting to be sung", "Announced is being sung", "Announced is finished"];
        var announced = await AnnouncedAsync(tab, "Announced");
        Assert.Equal(states.Intersect(announced), announced);
        Assert.Contains(states[2], announced);

        // The streamed samples keep playing, even from another position and while another song is being made.
        await Assertions.Expect(tab.PlayButton).ToHaveAttributeAsync("aria-label", "Pause");
        var other = await service.SingAsync(new { lyrics = "[verse]\nAnother", genre = "folk", target_seconds = 1 });
        await Assertions.Expect(tab.Item("Another").Locator(".time")).Not.ToBeEmptyAsync();
        await tab.Page.WaitForFunctionAsync("() => announced.some(text => text.includes('Another is finished'))");
        await tab.Song.GetByRole(AriaRole.Slider, new() { Name = "Position in the song" }).PressAsync("Home");
        await tab.Page.WaitForFunctionAsync("() => position.value > 0.5");
        await Assertions.Expect(tab.PlayButton).ToHaveAttributeAsync("aria-label", "Pause");
        await Assertions.Expect(tab.Page.Locator(".now-title b")).ToHaveTextAsync("Announced");
        Assert.NotEqual(other.GetProperty("id").GetString(), await tab.SongIdAsync());
        Assert.Single(tab.Requests, IsStream);

        // After a pause, the finished file is played.
        await tab.PlayButton.ClickAsync();
        await tab.HearNothingAsync();
        Assert.Single(tab.Requests, IsStream);
        await tab.Page.RunAndWaitForRequestAsync(() => tab.PlayButton.ClickAsync(), IsStream);
        await tab.HearAsync();
    }

    [Fact]
    public async Task A_song_that_ends_before_the_response_to_its_request_arrives_is_announced_once()
    {
        var service = await studio.ServiceAsync();
        await using var tab = await studio.OpenAsync(service);
        await tab.Form.GetByLabel("Words of verse").FillAsync("Late");
        await tab.WriteShortSongAsync();
        await tab.Page.EvaluateAsync(Record);
        var released = new TaskCompletionSource();
        await tab.Page.RouteAsync("**/v1/songs", async route =>
        {
            var response = await route.FetchAsync();
            await released.Task;
            await route.FulfillAsync(new() { Response = response });
        });
        await tab.Sing.ClickAsync();
        await tab.Page.WaitForFunctionAsync("() => announced.some(text => text.includes('Late is finished'))");
        released.SetResult();
        await Assertions.Expect(tab.Actions).ToBeVisibleAsync();
        await service.SingAsync(new { lyrics = "[verse]\nNext", genre = "folk", target_seconds = 1 });
        await tab.Page.WaitForFunctionAsync("() => announced.some(text => text.includes('Next is finished'))");
        Assert.Single(await AnnouncedAsync(tab, "Late"), "Late is finished");
    }

    [Fact]
    public async Task A_response_that_is_older_than_the_last_event_changes_the_title_but_not_the_progress()
    {
        await studio.ServiceAsync();
        await using var service = await ServiceProcess.StartSimulatedAsync();
        var id = await service.QueueAsync(new { lyrics = "[verse]\nHeld", genre = "folk", seed = ServiceProcess.HoldingSeed });
        await Eventually.TrueAsync(async () =>
            (await service.JobAsync(id)).GetProperty("progress") is { ValueKind: JsonValueKind.Object } progress
            && progress.GetProperty("percent").GetDouble() == 50);
        await using var tab = await studio.OpenAsync(service);
        await tab.ChangeResponsesAsync($"**/v1/songs/{id}", body =>
        {
            var job = JsonNode.Parse(body)!;
            job["title"] = "Renamed";
            job["progress"]!["stage"] = "stage1";
            job["progress"]!["section"] = 1;
            job["progress"]!["percent"] = 10;
            return job.ToJsonString();
        });
        await tab.Item("Held").Locator(".pick").ClickAsync();
        await Assertions.Expect(tab.Song.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync("Renamed");
        await Assertions.Expect(tab.Song.Locator(".progress p")).ToContainTextAsync("Refining the sound · 50 %");
    }

    private static bool IsStream(IRequest request) => request.Url.EndsWith("/stream?format=pcm&track=mix", StringComparison.Ordinal);

    /// <summary>Returns the announced sentences about a song. One announcement may contain several sentences, including ones about songs of
    /// other tests.</summary>
    private static async Task<List<string>> AnnouncedAsync(StudioTab tab, string title)
    {
        var announced = await tab.Page.EvaluateAsync<string[]>("() => announced");
        return [.. announced.SelectMany(text => text.Split(". ")).Where(text => text.StartsWith(title, StringComparison.Ordinal))];
    }

    private static void ExpectFromLeftToRight(List<JsonElement> drawings)
    {
        var isPartial = false;
        foreach (var drawing in drawings)
        {
            var sections = drawing.GetProperty("sections").EnumerateArray().Select(share => share.GetDouble()).ToList();
            Assert.Equal(2, sections.Count);
            Assert.True(sections[1] == 0 || sections[0] == 100, $"{sections[0]} %, {sections[1]} %");
            foreach (var stem in drawing.GetProperty("stems").EnumerateArray())
            {
                var (first, last) = (stem[0].GetDouble(), stem[1].GetDouble());
                Assert.True(last < 0 || first < 0.1, $"{first} to {last}");
                isPartial |= last is > 0.05 and < 0.8 && sections[1] < 100;
            }
        }

        Assert.True(isPartial, string.Join('\n', drawings));
        Assert.Equal([100, 100], drawings[^1].GetProperty("sections").EnumerateArray().Select(share => share.GetDouble()));
        Assert.All(drawings[^1].GetProperty("stems").EnumerateArray(), stem => Assert.InRange(stem[1].GetDouble(), 0.9, 1));
    }
}
