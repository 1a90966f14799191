using Microsoft.Playwright;
using Xunit;

namespace YueService.Browser.Tests;

/// <summary>Checks each state of the page in a wide window and on a phone, in both themes, and saves screenshots in the folder
/// <c>studio-states</c> of the build output.</summary>
public sealed class StateTests(Studio studio)
{
    private const int FailingSeed = 401;
    private const int Songs = 100;

    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "studio-states");

    private static readonly (string Name, int Width, int Height)[] Windows = [("wide", 1280, 800), ("phone", 390, 844)];

    [Fact]
    public async Task Every_state_fits_its_window_and_is_accessible()
    {
        Directory.CreateDirectory(Folder);
        await studio.ServiceAsync();
        await using var service = await ServiceProcess.StartSimulatedAsync(
            ("YUE_QUEUE_CAPACITY", $"{Songs}"),
            ("FAKE_LENGTH", "21"),
            ("FAKE_SECONDS", "0.1"),
            ("FAKE_FAILING_SEED", $"{FailingSeed}"));
        await using var tab = await studio.OpenAsync(service);
        tab.Expected = "Failed to load resource";
        await Assertions.Expect(tab.Page.Locator(".welcome")).ToBeVisibleAsync();
        await Assertions.Expect(tab.Page.Locator(".hint")).ToContainTextAsync("within seconds");
        await ShowAsync(tab, "1-empty", "Write", "Song", "Library");

        await tab.Form.GetByLabel("Words of verse").FillAsync("Staring at the sunset\nColors paint the sky");
        await tab.Form.GetByLabel("Words of chorus").FillAsync("Every road you take\nI'll be one step behind [x2]");
        await tab.Form.GetByRole(AriaRole.Button, new() { Name = "2 takes" }).ClickAsync();
        await Assertions.Expect(tab.Sing).ToHaveTextAsync("Sing 2 takes");
        await Assertions.Expect(tab.Page.Locator(".finding")).ToBeVisibleAsync();
        await ShowAsync(tab, "2-writing", "Write");

        await service.QueueAsync(Song("River road", ServiceProcess.HoldingSeed));
        await service.QueueAsync(Song("Harbour lights", 7));
        await PickAsync(tab, "Harbour lights");
        await Assertions.Expect(tab.Song.GetByText("Next in line", new() { Exact = true })).ToBeVisibleAsync();
        await ShowAsync(tab, "3-queued", "Song");

        await PickAsync(tab, "River road");
        await Assertions.Expect(tab.Song.GetByText("Refining the sound")).ToBeVisibleAsync();
        await tab.Page.WaitForFunctionAsync("() => document.querySelector('.player .num.end').textContent === '0:10 ready'");
        await ShowAsync(tab, "4-singing", "Song");

        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Cancel", Exact = true }).ClickAsync();
        await Assertions.Expect(tab.Song.GetByText("Cancelled.")).ToBeVisibleAsync();
        await PickAsync(tab, "Harbour lights");
        await Assertions.Expect(tab.Actions).ToBeVisibleAsync();
        await tab.Page.Locator(".title").GetByRole(AriaRole.Button, new() { Name = "Favorite" }).ClickAsync();
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "chorus", Exact = true }).ClickAsync();
        await ShowAsync(tab, "5-finished", "Song");
        await ShowMenuAsync(tab, "Download", "6-downloads");
        await ShowRenameAsync(tab);
        await ShowRedoAsync(tab, service);

        await service.QueueAsync(Song("Paper boats", FailingSeed));
        await tab.Page.Locator(".unsung summary").ClickAsync();
        await tab.Page.Locator(".unsung .item", new() { HasText = "Paper boats" }).Locator(".pick").ClickAsync();
        await Assertions.Expect(tab.Song.GetByText("This song failed.")).ToBeVisibleAsync();
        await ShowAsync(tab, "9-failed", "Song", "Library");
        await tab.Page.Locator(".unsung summary").ClickAsync();

        for (var number = 3; number < Songs; number++)
        {
            await service.QueueAsync(Song(Title(number), number));
        }

        await tab.Page.ReloadAsync();
        await Assertions.Expect(tab.Page.Locator(".list .item").First).ToBeVisibleAsync();
        await tab.Page.WaitForFunctionAsync($"() => document.querySelectorAll('.list .item').length === {Songs - 2}");
        await Assertions.Expect(tab.Page.Locator(".list .item progress")).ToHaveCountAsync(0);
        await tab.Page.RunAndWaitForResponseAsync(
            () => PickAsync(tab, Title(Songs - 1)),
            response => response.Url.Contains("/peaks?track=instrumental", StringComparison.Ordinal));
        await Assertions.Expect(tab.Actions).ToBeVisibleAsync();
        await ShowAsync(tab, "10-library", "Library");

        await ShowRefusalAsync(tab);
        await service.KillAsync();
        await Assertions.Expect(tab.Page.GetByText("Reconnecting")).ToBeVisibleAsync();
        await ShowAsync(tab, "12-reconnecting", "Write");
        await service.StartAsync();
        await Assertions.Expect(tab.Page.GetByText("Reconnecting")).ToHaveCountAsync(0);
    }

    private static object Song(string title, int seed) => new
    {
        title,
        genre = "soul organ male 76 bpm",
        lyrics = $"[verse]\n{title}\nOver the water\n\n[chorus]\nLa la la, la la la\nCome home to me\n\n[verse]\nNight is falling",
        seed,
        run_n_segments = 0,
        output = new { stems = true },
    };

    private static string Title(int number)
    {
        string[] first = ["Harbour", "Silver", "Paper", "Morning", "Winter", "Northern", "Little", "Golden", "Broken", "Hidden"];
        string[] second = ["lights", "boats", "train", "letters", "garden", "radio", "river", "windows", "fires", "songs"];
        return $"{first[number / 10]} {second[number % 10]}";
    }

    private static Task PickAsync(StudioTab tab, string title) =>
        tab.Page.Locator(".list .item", new() { HasText = title }).First.Locator(".pick").ClickAsync();

    private static async Task ShowMenuAsync(StudioTab tab, string name, string state)
    {
        var button = tab.Page.GetByRole(AriaRole.Button, new() { Name = name, Exact = true });
        foreach (var window in Windows)
        {
            await ResizeAsync(tab, window, "Song");
            await button.ClickAsync();
            await Assertions.Expect(tab.Page.GetByRole(AriaRole.Menu)).ToBeVisibleAsync();
            await ShowInThemesAsync(tab, $"{state}-{window.Name}", window.Width);
            await tab.Page.Keyboard.PressAsync("Escape");
        }
    }

    private static async Task ShowRenameAsync(StudioTab tab)
    {
        await ResizeAsync(tab, Windows[0], "Song");
        await tab.Song.GetByRole(AriaRole.Button, new() { Name = "More actions" }).ClickAsync();
        await tab.Page.GetByRole(AriaRole.Menuitem, new() { Name = "Rename" }).ClickAsync();
        await Assertions.Expect(tab.Song.GetByLabel("Title of the song")).ToBeFocusedAsync();
        await ShowAsync(tab, "7-renaming", "Song");
        await tab.Page.Keyboard.PressAsync("Escape");
    }

    /// <summary>Shows a song whose second section is being sung again while the others are kept.</summary>
    private static async Task ShowRedoAsync(StudioTab tab, ServiceProcess service)
    {
        await service.QueueAsync(new
        {
            continue_from = await tab.SongIdAsync(),
            replace_section = 2,
            seed = ServiceProcess.HoldingSeed,
            output = new { stems = true },
        });
        var redo = tab.Page.Locator(".list .item.depth-1 .pick");
        await Assertions.Expect(redo.Locator("b")).ToHaveTextAsync("Chorus sung again");
        await redo.ClickAsync();
        await Assertions.Expect(tab.Page.Locator(".from")).ToHaveTextAsync("Chorus sung again in the song it comes from");
        await tab.Page.WaitForFunctionAsync("() => document.querySelector('.player .num.end').textContent === '0:10 ready'");

        // The first verse is kept, too, but its sound has already arrived, so only the last verse is marked.
        await Assertions.Expect(tab.Page.Locator(".block.kept")).ToHaveTextAsync("verse");
        await ShowAsync(tab, "8-redo", "Song", "Library");
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Cancel", Exact = true }).ClickAsync();
        await Assertions.Expect(tab.Song.GetByText("Cancelled.")).ToBeVisibleAsync();
    }

    /// <summary>Shows the alert about a full queue. Then causes an alert about too many requests, and waits for it to disappear, which
    /// happens when the request can be sent again.</summary>
    private static async Task ShowRefusalAsync(StudioTab tab)
    {
        var (seconds, title) = (35, "The queue is full");
        await tab.Page.RouteAsync("**/v1/songs", async route =>
        {
            await route.FulfillAsync(new()
            {
                Status = 429,
                ContentType = "application/problem+json",
                Headers = new Dictionary<string, string> { ["Retry-After"] = $"{seconds}" },
                Body = $$"""{ "type": "urn:yue:queue-full", "title": "{{title}}", "detail": "Try again in about {{seconds}} s." }""",
            });
        });
        await ResizeAsync(tab, Windows[0], "Write");
        await tab.Sing.ClickAsync();
        var alert = tab.Page.Locator(".sing [role=alert]");
        await Assertions.Expect(alert).ToHaveTextAsync("The queue is full. Try again in about 35 s.");
        await ShowAsync(tab, "11-refused", "Write");
        (seconds, title) = (2, "Too many requests");
        await tab.Sing.ClickAsync();
        await Assertions.Expect(alert).ToHaveTextAsync("Too many requests. Try again in about 2 s.");
        await Assertions.Expect(alert).ToHaveCountAsync(0);
        await tab.Page.UnrouteAllAsync();
    }

    /// <summary>Checks a state and takes its screenshots.</summary>
    /// <param name="tab">The page.</param>
    /// <param name="state">The name of the state.</param>
    /// <param name="panels">The panels that show the state on a phone.</param>
    private static async Task ShowAsync(StudioTab tab, string state, params string[] panels)
    {
        foreach (var window in Windows)
        {
            foreach (var panel in window.Width < 900 ? panels : panels[..1])
            {
                await ResizeAsync(tab, window, panel);
                var part = panels.Length > 1 && window.Width < 900 ? $"-{panel.ToLowerInvariant()}" : "";
                await ShowInThemesAsync(tab, $"{state}-{window.Name}{part}", window.Width);
            }
        }

        await ResizeAsync(tab, Windows[0], panels[0]);
    }

    private static async Task ResizeAsync(StudioTab tab, (string Name, int Width, int Height) window, string panel)
    {
        await tab.Page.SetViewportSizeAsync(window.Width, window.Height);
        if (window.Width < 900)
        {
            await tab.Page.GetByRole(AriaRole.Tab, new() { Name = panel, Exact = true }).ClickAsync();
        }

        await tab.Page.Mouse.MoveAsync(0, 0);
    }

    private static async Task ShowInThemesAsync(StudioTab tab, string name, int width)
    {
        Assert.Equal(width, await tab.Page.EvaluateAsync<int>("() => document.documentElement.scrollWidth"));
        foreach (var scheme in new[] { ColorScheme.Light, ColorScheme.Dark })
        {
            await tab.Page.EmulateMediaAsync(new() { ColorScheme = scheme, ReducedMotion = ReducedMotion.Reduce });
            await tab.Page.ScreenshotAsync(new() { Path = Path.Combine(Folder, $"{name}-{scheme.ToString().ToLowerInvariant()}.png") });
        }

        // Accessibility is checked only in the first window, because the phone shows the same elements.
        if (width == Windows[0].Width)
        {
            await tab.CheckAccessibilityAsync(name);
        }
    }
}
