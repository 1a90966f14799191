using Microsoft.Playwright;
using Xunit;

namespace YueService.Browser.Tests;

/// <summary>Tests the player, the stems and the downloads.</summary>
public sealed class ListeningTests(Studio studio)
{
    [Fact]
    public async Task Mute_and_solo_change_what_is_heard()
    {
        await using var tab = await OpenAsync();
        await tab.PlayButton.ClickAsync();
        await tab.HearAsync();
        await Button(tab, "Mute Vocal").ClickAsync();
        await Button(tab, "Mute Band").ClickAsync();
        await RestartAsync(tab);
        await tab.HearNothingAsync();
        await Button(tab, "Mute Vocal").ClickAsync();
        await Button(tab, "Mute Band").ClickAsync();
        await Button(tab, "Solo Band").ClickAsync();
        await RestartAsync(tab);
        await tab.HearAsync();
        await tab.Song.GetByRole(AriaRole.Slider, new() { Name = "Level of Band" }).FillAsync("0");
        await RestartAsync(tab);
        await tab.HearNothingAsync();
    }

    [Fact]
    public async Task The_waveform_is_a_seek_slider()
    {
        await using var tab = await OpenAsync();
        var slider = tab.Song.GetByRole(AriaRole.Slider, new() { Name = "Position in the song" });
        await Assertions.Expect(slider).ToHaveAttributeAsync("aria-valuetext", "0 seconds of 3 seconds");
        await tab.Page.WaitForFunctionAsync("() => document.querySelector('.num.end').textContent === '0:03'");
        await slider.PressAsync("ArrowRight");
        await Assertions.Expect(slider).ToHaveAttributeAsync("aria-valuetext", "1 second of 3 seconds");
        await slider.PressAsync("End");
        await Assertions.Expect(slider).ToHaveAttributeAsync("aria-valuenow", "3");
        await slider.PressAsync("Home");
        await Assertions.Expect(slider).ToHaveAttributeAsync("aria-valuenow", "0");
        await tab.CheckAccessibilityAsync("a finished song");
    }

    [Fact]
    public async Task A_download_is_named_after_the_song_and_stems_can_be_downloaded_too()
    {
        await using var tab = await OpenAsync();
        await Button(tab, "Download").ClickAsync();
        await ExpectDownloadsAsync(tab, ("WAV", "audio/wav"), ("Vocal", "audio/wav"), ("Band", "audio/wav"));
        var download = await tab.Page.RunAndWaitForDownloadAsync(
            () => tab.Page.GetByRole(AriaRole.Menuitem, new() { Name = "WAV", Exact = true }).ClickAsync());
        Assert.Equal("Three seconds.wav", download.SuggestedFilename);
        Assert.InRange(new FileInfo(await download.PathAsync()).Length, 100_000, 1_000_000);
    }

    [Fact]
    public async Task With_ffmpeg_a_song_can_also_be_downloaded_as_flac_and_mp3()
    {
        Ffmpeg.SkipWithout();
        await using var tab = await OpenAsync();
        await Button(tab, "Download").ClickAsync();
        await ExpectDownloadsAsync(tab, ("FLAC", "audio/flac"), ("MP3", "audio/mpeg"));
    }

    /// <summary>Follows links in the open menu and checks the media type and the size of the files.</summary>
    private async Task ExpectDownloadsAsync(StudioTab tab, params (string Label, string Type)[] files)
    {
        var service = await studio.ServiceAsync();
        foreach (var (label, type) in files)
        {
            var link = tab.Page.GetByRole(AriaRole.Menuitem).Filter(new() { HasText = label }).First;
            var path = await link.GetAttributeAsync("href");
            using var response = await service.Client.GetAsync(new Uri(path!, UriKind.Relative), TestContext.Current.CancellationToken);
            Assert.True(response.IsSuccessStatusCode, label);
            Assert.Equal(type, response.Content.Headers.ContentType!.MediaType);
            var bytes = await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
            Assert.InRange(bytes.Length, 10_000, 1_000_000);
        }
    }

    private static ILocator Button(StudioTab tab, string name) =>
        tab.Page.GetByRole(AriaRole.Button, new() { Name = name, Exact = true });

    /// <summary>Starts playback from the beginning.</summary>
    private static async Task RestartAsync(StudioTab tab)
    {
        await tab.Song.GetByRole(AriaRole.Slider, new() { Name = "Position in the song" }).PressAsync("Home");
        if (await tab.PlayButton.GetAttributeAsync("aria-label") == "Play")
        {
            await tab.PlayButton.ClickAsync();
        }
    }

    private async Task<StudioTab> OpenAsync()
    {
        var service = await studio.ServiceAsync();
        var tab = await studio.OpenAsync(service, $"/#song={await studio.SongAsync()}");
        await Assertions.Expect(tab.Actions).ToBeVisibleAsync();
        return tab;
    }
}
