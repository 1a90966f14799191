using System.Buffers.Binary;
using Microsoft.Playwright;
using Xunit;

namespace YueService.Browser.Tests;

/// <summary>Checks the screenshots in the docs, and takes them first if <c>YUE_UPDATE_SCREENSHOTS=1</c> is set.</summary>
public sealed class ScreenshotTests(Studio studio)
{
    private static readonly string Folder = Path.Combine(Repository.Root, "docs", "images");

    private static readonly (string Name, int Width, int Height, ColorScheme Scheme)[] Pictures =
    [
        ("studio-light", 1280, 800, ColorScheme.Light),
        ("studio-dark", 1280, 800, ColorScheme.Dark),
        ("studio-phone", 390, 844, ColorScheme.Light),
    ];

    [Fact]
    public async Task The_pictures_in_the_docs_have_the_expected_sizes()
    {
        if (Environment.GetEnvironmentVariable("YUE_UPDATE_SCREENSHOTS") == "1")
        {
            await TakeAsync();
        }

        var page = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "studio.md"), TestContext.Current.CancellationToken);
        foreach (var (name, width, height, _) in Pictures)
        {
            Assert.Contains($"(images/{name}.png)", page, StringComparison.Ordinal);
            var png = await File.ReadAllBytesAsync(Path.Combine(Folder, $"{name}.png"), TestContext.Current.CancellationToken);
            Assert.Equal(width, BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(16)));
            Assert.Equal(height, BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(20)));
        }
    }

    private async Task TakeAsync()
    {
        await studio.ServiceAsync();
        await using var service = await ServiceProcess.StartAsync();
        await service.SingAsync(Song("River road", "River road, carry me\nPast the willow tree", "folk acoustic guitar female 90 bpm"));
        var harbour = await service.SingAsync(Song("Harbour lights", "Harbour lights are calling", "soul organ male 76 bpm"));
        await service.SingAsync(new
        {
            continue_from = harbour.GetProperty("id").GetString(),
            replace_section = 2,
            title = "New chorus",
            seed = 9,
            output = new { stems = true },
        });
        await using var tab = await studio.OpenAsync(service);
        await tab.Form.GetByLabel("Words of verse").FillAsync("Staring at the sunset\nColors paint the sky");
        await tab.Form.GetByLabel("Words of chorus").FillAsync("Every road you take\nI'll be one step behind [x2]");
        await tab.Form.GetByRole(AriaRole.Button, new() { Name = "2 takes" }).ClickAsync();
        await tab.Sing.ClickAsync();
        await tab.Page.Locator(".title").GetByRole(AriaRole.Button, new() { Name = "Favorite" }).ClickAsync();

        // The second take is being sung while the first one is being played.
        await Assertions.Expect(tab.Page.GetByRole(AriaRole.Tab, new() { Name = "Take 1" }).Locator("kbd")).ToHaveTextAsync("1");
        await Assertions.Expect(tab.Page.Locator(".item", new() { HasText = "singing" })).ToBeVisibleAsync();
        await tab.PlayButton.ClickAsync();
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "chorus", Exact = true }).ClickAsync();
        await tab.HearAsync();
        await tab.PlayButton.ClickAsync();
        Directory.CreateDirectory(Folder);
        foreach (var (name, width, height, scheme) in Pictures)
        {
            await tab.Page.SetViewportSizeAsync(width, height);
            await tab.Page.EmulateMediaAsync(new() { ColorScheme = scheme, ReducedMotion = ReducedMotion.Reduce });
            await tab.Page.Mouse.MoveAsync(0, 0);
            await tab.Page.EvaluateAsync(
                "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))");
            await tab.Page.ScreenshotAsync(new() { Path = Path.Combine(Folder, $"{name}.png") });
        }
    }

    private static object Song(string title, string words, string genre) => new
    {
        title,
        genre,
        lyrics = $"[verse]\n{words}\n\n[chorus]\nLa la la, la la la",
        run_n_segments = 0,
        seed = 4,
        output = new { stems = true },
    };
}
