using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Playwright;
using Xunit;

namespace YueService.Browser.Tests;

/// <summary>Tests choosing, trimming and uploading reference clips.</summary>
public sealed class ClipTests(Studio studio)
{
    private const string LyricsModel = "lyrics-only";

    [Fact]
    public async Task A_clip_is_trimmed_by_keyboard_and_by_dragging_and_sent_once()
    {
        var service = await studio.ServiceAsync();
        await using var tab = await studio.OpenAsync(service, path: null);
        await tab.ChangeResponsesAsync("**/v1/options", AddLyricsModel);
        await tab.Page.GotoAsync("/");
        var choosing = tab.Page.WaitForFileChooserAsync();
        await tab.Form.GetByRole(AriaRole.Button, new() { Name = "+ Style clip" }).ClickAsync();
        await (await choosing).SetFilesAsync(new FilePayload { Name = "a tone.wav", MimeType = "audio/wav", Buffer = Tone(40) });
        var (start, end) = (Handle(tab, "Start of the clip"), Handle(tab, "End of the clip"));
        await Assertions.Expect(end).ToHaveAttributeAsync("aria-valuetext", "30 seconds");
        await start.PressAsync("ArrowRight");
        await start.PressAsync("ArrowRight");
        await Assertions.Expect(start).ToHaveAttributeAsync("aria-valuetext", "2 seconds");

        // The selected part lasts 1 to 60 s, and its ends cannot cross.
        await start.PressAsync("End");
        await Assertions.Expect(start).ToHaveAttributeAsync("aria-valuetext", "39 seconds");
        await Assertions.Expect(end).ToHaveAttributeAsync("aria-valuetext", "40 seconds");
        await start.PressAsync("Home");
        var box = (await end.BoundingBoxAsync())!;
        var track = (await tab.Page.Locator(".trim").BoundingBoxAsync())!;
        await tab.Page.Mouse.MoveAsync(box.X + (box.Width / 2), box.Y + 10);
        await tab.Page.Mouse.DownAsync();
        await tab.Page.Mouse.MoveAsync(track.X + (track.Width / 4), box.Y + 10);
        await tab.Page.Mouse.UpAsync();
        await Assertions.Expect(end).ToHaveAttributeAsync("aria-valuenow", "10");
        var warning = tab.Page.Locator(".clip .finding");
        await Assertions.Expect(warning).ToHaveCountAsync(0);
        await ChooseModelAsync(tab, LyricsModel);
        await Assertions.Expect(warning).ToContainTextAsync("This model is made for lyrics only");
        await tab.CheckAccessibilityAsync("a style clip");
        await ChooseModelAsync(tab, "");
        await Assertions.Expect(warning).ToHaveCountAsync(0);

        await tab.Form.GetByRole(AriaRole.Button, new() { Name = "Play the clip" }).ClickAsync();
        await tab.HearAsync();
        await tab.Form.GetByRole(AriaRole.Button, new() { Name = "Stop the clip" }).ClickAsync();

        await tab.WriteShortSongAsync();
        await tab.Sing.ClickAsync();
        await Assertions.Expect(tab.Actions).ToBeVisibleAsync();
        var reference = (await service.JobAsync(await tab.SongIdAsync())).GetProperty("song").GetProperty("reference");
        Assert.Equal(10, reference.GetProperty("seconds").GetDouble(), 0.5);
        Assert.Single(tab.Requests, request => request.Url.EndsWith("/v1/clips", StringComparison.Ordinal));
        Assert.Equal(JsonValueKind.Number, reference.GetProperty("tracks").ValueKind);

        await tab.Form.GetByRole(AriaRole.Button, new() { Name = "Remove the clip" }).ClickAsync();
        await Assertions.Expect(start).ToHaveCountAsync(0);
    }

    /// <summary>Adds a model to the service's options. The model accepts clips but does not follow them.</summary>
    private static string AddLyricsModel(string options)
    {
        var body = JsonNode.Parse(options)!;
        var models = body["models"]!.AsArray();
        var model = models[0]!.DeepClone();
        model["name"] = LyricsModel;
        var capabilities = model["capabilities"]!.AsArray();
        Assert.Equal(1, capabilities.RemoveAll(capability => capability!.GetValue<string>() == "reference_clip"));
        models.Add(model);
        foreach (var field in body["fields"]!.AsArray())
        {
            field!["models"]!.AsArray().Add(LyricsModel);
        }

        return body.ToJsonString();
    }

    private static async Task ChooseModelAsync(StudioTab tab, string model)
    {
        await tab.Form.GetByText("Settings", new() { Exact = true }).ClickAsync();
        await tab.Form.GetByLabel("Model").SelectOptionAsync(model);
        await tab.Form.GetByText("Settings", new() { Exact = true }).ClickAsync();
    }

    private static ILocator Handle(StudioTab tab, string name) =>
        tab.Page.GetByRole(AriaRole.Slider, new() { Name = name, Exact = true });

    /// <summary>Returns a WAV file of a 440 Hz tone.</summary>
    private static byte[] Tone(int seconds)
    {
        const int Rate = 16_000;
        using var file = new MemoryStream();
        using var writer = new BinaryWriter(file);
        var bytes = seconds * Rate * 2;
        writer.Write("RIFF"u8);
        writer.Write(36 + bytes);
        writer.Write("WAVEfmt "u8);
        writer.Write(16);
        writer.Write((short)1);
        writer.Write((short)1);
        writer.Write(Rate);
        writer.Write(Rate * 2);
        writer.Write((short)2);
        writer.Write((short)16);
        writer.Write("data"u8);
        writer.Write(bytes);
        for (var i = 0; i < seconds * Rate; i++)
        {
            writer.Write((short)(9_000 * Math.Sin(2 * Math.PI * 440 * i / Rate)));
        }

        return file.ToArray();
    }
}
