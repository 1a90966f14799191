using System.Globalization;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using Xunit;

namespace YueService.Browser.Tests;

/// <summary>The studio in a separate window. Unexpected errors and warnings in its console fail the test.</summary>
internal sealed class StudioTab : IAsyncDisposable
{
    private static readonly AxeRunOptions Rules = new()
    {
        RunOnly = new RunOnlyOptions { Type = "tag", Values = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] },
    };

    // The rules whose results depend on the theme.
    private static readonly AxeRunOptions ColorRules = new()
    {
        RunOnly = new RunOnlyOptions { Type = "rule", Values = ["color-contrast", "link-in-text-block"] },
    };

    // The scripts that run in every page before the page's own scripts.
    private static readonly string[] Scripts = ["meter.js", "messages.js"];

    // Long enough that only a failing test reaches it.
    private const float TimeoutMs = 120_000;

    // The library of a shared service has several buttons for each song from earlier tests.
    private const int MaxTabs = 1_000;

    private readonly IBrowserContext _context;
    private readonly List<string> _errors = [];

    private StudioTab(IBrowserContext context, IPage page) => (_context, Page) = (context, page);

    /// <summary>Returns the options of a window that may read the clipboard.</summary>
    public static BrowserNewContextOptions WithClipboard => new() { Permissions = ["clipboard-read", "clipboard-write"] };

    public IPage Page { get; }

    /// <summary>All requests that the page made.</summary>
    public List<IRequest> Requests { get; } = [];

    /// <summary>The text with which the expected console messages begin, such as those about rejected requests; null if none are
    /// expected.</summary>
    public string? Expected { get; set; }

    /// <summary>The form. Locators within it do not match the library, which contains songs of other tests.</summary>
    public ILocator Form => Page.Locator("#write");

    /// <summary>The middle of the page, which shows the current song.</summary>
    public ILocator Song => Page.Locator("#song");

    /// <summary>The list of all songs.</summary>
    public ILocator Library => Page.Locator("#library");

    /// <summary>The message at the bottom of the page.</summary>
    public ILocator Message => Page.Locator(".toast");

    /// <summary>The button that starts a song.</summary>
    public ILocator Sing => Page.Locator(".sing .primary");

    /// <summary>The button that starts and pauses the player.</summary>
    public ILocator PlayButton => Page.Locator(".player .play");

    /// <summary>The actions for the finished song that is shown.</summary>
    public ILocator Actions => Page.Locator(".acts");

    /// <summary>Returns the library's entry for the song with the given title.</summary>
    /// <param name="title">The whole title.</param>
    public ILocator Item(string title) =>
        Library.Locator(".item").Filter(new() { Has = Page.GetByText(title, new() { Exact = true }) });

    public static async Task<StudioTab> OpenAsync(IBrowserContext context, string? path)
    {
        foreach (var name in Scripts)
        {
            using var script = new StreamReader(typeof(StudioTab).Assembly.GetManifestResourceStream(name)!);
            await context.AddInitScriptAsync(await script.ReadToEndAsync());
        }

        var page = await context.NewPageAsync();
        var tab = new StudioTab(context, page);
        page.SetDefaultTimeout(TimeoutMs);
        Assertions.SetDefaultExpectTimeout(TimeoutMs);
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
            {
                tab._errors.Add(message.Text);
            }
        };
        page.PageError += (_, error) => tab._errors.Add(error);
        page.Request += (_, request) => tab.Requests.Add(request);
        if (path is not null)
        {
            await page.GotoAsync(path);
        }

        return tab;
    }

    /// <summary>From now on, changes the body of every response to a request whose URL matches a pattern.</summary>
    /// <param name="url">The pattern of the URLs.</param>
    /// <param name="change">The function that returns the new body.</param>
    public Task ChangeResponsesAsync(string url, Func<string, string> change) => Page.RouteAsync(url, async route =>
    {
        try
        {
            // The connection may be one that the service has just closed because it was idle.
            var response = await route.FetchAsync(new() { MaxRetries = 3, Timeout = TimeoutMs });
            await route.FulfillAsync(new() { Response = response, Body = change(await response.TextAsync()) });
        }
        catch (Exception e)
        {
            _errors.Add($"The response to {route.Request.Url} was not changed: {e}");
            await route.AbortAsync();
        }
    });

    /// <summary>Enters a short length and the seed in the form. The lyrics are not changed.</summary>
    /// <param name="seed">The seed of the song; null for a new one.</param>
    /// <param name="secondsPerSection">The length of each section.</param>
    public async Task WriteShortSongAsync(int? seed = null, double secondsPerSection = 1.5)
    {
        await Form.GetByText("Settings", new() { Exact = true }).ClickAsync();
        await Form.GetByLabel("Seconds per section").FillAsync(secondsPerSection.ToString(CultureInfo.InvariantCulture));
        await Form.GetByLabel("Seed").FillAsync(seed?.ToString(CultureInfo.InvariantCulture) ?? "");
        await Form.GetByText("Settings", new() { Exact = true }).ClickAsync();
    }

    /// <summary>Waits until sound is audible.</summary>
    public Task HearAsync() => Page.WaitForFunctionAsync("() => heardLevel() > 0.005");

    /// <summary>Waits until no sound is audible.</summary>
    public Task HearNothingAsync() => Page.WaitForFunctionAsync("() => heardLevel() < 0.0001");

    /// <summary>Returns the id of the song that is shown.</summary>
    public async Task<string> SongIdAsync()
    {
        await Page.WaitForFunctionAsync("() => location.hash.startsWith('#song=')");
        return Page.Url.Split("#song=")[1];
    }

    /// <summary>Copies the request of the shown song and returns the copied text. The window needs the options
    /// <see cref="WithClipboard"/>.</summary>
    /// <param name="format">The format: JSON or curl.</param>
    public async Task<string> CopyRequestAsync(string format)
    {
        await Page.EvaluateAsync("() => navigator.clipboard.writeText('')");
        await Song.GetByRole(AriaRole.Button, new() { Name = "More actions" }).ClickAsync();
        await Page.GetByRole(AriaRole.Menuitem, new() { Name = $"Copy as {format}" }).ClickAsync();
        await Assertions.Expect(Message.GetByText("Copied")).ToBeVisibleAsync();
        var text = "";
        await Eventually.TrueAsync(async () =>
            (text = await Page.EvaluateAsync<string>("() => navigator.clipboard.readText()")).Length > 0);
        return text;
    }

    /// <summary>Presses Tab until an element has the focus.</summary>
    /// <param name="selector">The selector of the element.</param>
    public async Task TabToAsync(string selector)
    {
        for (var presses = 0; presses < MaxTabs; presses++)
        {
            if (await Page.EvaluateAsync<bool>("selector => document.activeElement.matches(selector)", selector))
            {
                return;
            }

            await Page.Keyboard.PressAsync("Tab");
        }

        Assert.Fail($"Tab does not reach {selector}.");
    }

    /// <summary>Checks that the page follows WCAG 2.2 AA in the light and the dark theme, and that it has one polite live region.</summary>
    /// <param name="state">The name of the state that is shown.</param>
    public async Task CheckAccessibilityAsync(string state)
    {
        var regions = Page.Locator("[aria-live], [role=status], [role=log], output");
        Assert.True(await regions.CountAsync() == 1, $"{state}: {await regions.CountAsync()} live regions");
        Assert.Equal("polite", await regions.GetAttributeAsync("aria-live"));
        foreach (var (scheme, rules) in new[] { (ColorScheme.Light, Rules), (ColorScheme.Dark, ColorRules) })
        {
            await Page.EmulateMediaAsync(new() { ColorScheme = scheme, ReducedMotion = ReducedMotion.Reduce });
            var result = await Page.RunAxe(rules);
            Assert.NotEmpty(result.Passes);
            Assert.True(result.Violations.Length == 0, $"{state}, {scheme}:\n{string.Join('\n', result.Violations.Select(Describe))}");
        }
    }

    private static string Describe(AxeResultItem violation) =>
        $"{violation.Id}: {violation.Help}\n  {string.Join("\n  ", violation.Nodes.Select(node => node.Html))}";

    public async ValueTask DisposeAsync()
    {
        await _context.CloseAsync();
        Assert.All(_errors, error => Assert.True(Expected is not null && error.StartsWith(Expected, StringComparison.Ordinal), error));
    }
}
