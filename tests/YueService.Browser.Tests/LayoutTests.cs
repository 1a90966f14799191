using Microsoft.Playwright;
using Xunit;

namespace YueService.Browser.Tests;

/// <summary>Tests the page on a phone, zoomed, with the keyboard only, in both themes, and with reduced motion.</summary>
public sealed class LayoutTests(Studio studio)
{
    [Theory]
    [InlineData(390, 844)]
    [InlineData(640, 400)]
    public async Task Nothing_is_wider_than_a_phone_or_a_page_zoomed_to_200_percent(int width, int height)
    {
        var service = await studio.ServiceAsync();
        var options = new BrowserNewContextOptions { ViewportSize = new() { Width = width, Height = height }, HasTouch = true };
        await using var tab = await studio.OpenAsync(service, $"/#song={await studio.SongAsync()}", options);
        foreach (var name in new[] { "Song", "Library", "Write" })
        {
            await tab.Page.GetByRole(AriaRole.Tab, new() { Name = name, Exact = true }).ClickAsync();
            await Assertions.Expect(tab.Page.Locator($"#{name.ToLowerInvariant()}")).ToBeVisibleAsync();
            Assert.Equal(width, await tab.Page.EvaluateAsync<int>("() => document.documentElement.scrollWidth"));
            await tab.CheckAccessibilityAsync($"{name}, {width} pixels wide");
        }

        await Assertions.Expect(tab.PlayButton).ToBeInViewportAsync();
    }

    [Fact]
    public async Task On_a_phone_the_choices_and_the_hint_have_one_line_each()
    {
        var options = new BrowserNewContextOptions { ViewportSize = new() { Width = 390, Height = 844 }, HasTouch = true };
        await using var tab = await studio.OpenAsync(await studio.ServiceAsync(), options: options);
        await Assertions.Expect(tab.Page.Locator(".hint")).ToContainTextAsync("within seconds");
        var ends = await tab.Page.EvaluateAsync<double[]>(
            "() => [...document.querySelectorAll('.choices > *')].map(part => part.getBoundingClientRect().bottom)");
        Assert.Equal(3, ends.Length);
        Assert.InRange(ends.Max() - ends.Min(), 0, 1);
        Assert.InRange((await tab.Page.Locator(".hint").BoundingBoxAsync())!.Height, 10, 20);
        await Assertions.Expect(tab.Form.GetByText("Takes", new() { Exact = true })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task A_long_title_is_limited_to_two_lines_until_it_has_the_focus()
    {
        var service = await studio.ServiceAsync();
        var title = string.Join(' ', Enumerable.Repeat("wordless", 22));
        var job = await service.SingAsync(new { lyrics = "[verse]\nLa", genre = "folk", title, target_seconds = 1 });
        await using var tab = await studio.OpenAsync(service, $"/#song={job.GetProperty("id").GetString()}");
        var heading = tab.Page.Locator("h1");
        var lines = tab.Page.Locator("h1 span");
        const string Lines = "span => span.getBoundingClientRect().height / parseFloat(getComputedStyle(span).lineHeight)";
        Assert.InRange(await lines.EvaluateAsync<double>(Lines), 1.9, 2.3);
        var below = (await tab.Page.Locator(".sub").BoundingBoxAsync())!.Y;
        await heading.FocusAsync();
        Assert.InRange(await lines.EvaluateAsync<double>(Lines), 3, 20);
        Assert.Equal(below, (await tab.Page.Locator(".sub").BoundingBoxAsync())!.Y, 1f);
        await tab.CheckAccessibilityAsync("a long title");
    }

    [Theory]
    [InlineData(ColorScheme.Light)]
    [InlineData(ColorScheme.Dark)]
    public async Task The_track_of_a_progress_bar_contrasts_with_the_selected_song(ColorScheme scheme)
    {
        await using var tab = await studio.OpenAsync(await studio.ServiceAsync());
        await tab.Page.EmulateMediaAsync(new() { ColorScheme = scheme });
        var contrast = await tab.Page.EvaluateAsync<double>(
            """
            () => {
              const item = document.body.appendChild(Object.assign(document.createElement('div'), { className: 'item on' }));
              const bar = item.appendChild(document.createElement('progress'));
              const pen = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
              const light = element => {
                pen.fillStyle = getComputedStyle(element).backgroundColor;
                pen.fillRect(0, 0, 1, 1);
                return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3).map(part => part / 255)
                  .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
                  .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0.05);
              };
              const [a, b] = [light(item), light(bar)];
              return Math.max(a, b) / Math.min(a, b);
            }
            """);
        Assert.InRange(contrast, 1.5, 21);
    }

    [Fact]
    public async Task A_song_is_written_sung_and_played_by_keyboard_alone()
    {
        var service = await studio.ServiceAsync();
        await using var tab = await studio.OpenAsync(service);
        await Assertions.Expect(tab.Page.Locator(".pill.device")).ToBeVisibleAsync();
        var keys = tab.Page.Keyboard;
        await tab.TabToAsync("textarea");
        await keys.PressAsync("Control+A");
        await keys.TypeAsync("By keys alone");
        await tab.TabToAsync(".more summary");
        await keys.PressAsync("Enter");
        await tab.TabToAsync("[name=target_seconds]");
        await keys.TypeAsync("1");
        await keys.PressAsync("Enter");
        await Assertions.Expect(tab.Song.GetByRole(AriaRole.Heading, new() { Name = "By keys alone" })).ToBeVisibleAsync();
        await Assertions.Expect(tab.Actions).ToBeVisibleAsync();
        await tab.TabToAsync(".player .play");
        await Assertions.Expect(tab.PlayButton).ToHaveAttributeAsync("aria-label", "Play");
        await keys.PressAsync("Enter");
        await tab.HearAsync();
    }

    [Fact]
    public async Task The_colors_follow_the_system_or_a_choice_that_survives_a_reload()
    {
        await using var tab = await studio.OpenAsync(await studio.ServiceAsync());
        var button = tab.Page.Locator(".top").GetByRole(AriaRole.Button, new() { Name = "Colors" });
        var (light, dark) = (await BackgroundAsync(ColorScheme.Light), await BackgroundAsync(ColorScheme.Dark));
        Assert.NotEqual(light, dark);
        await ChooseAsync("light");
        Assert.Equal(light, await BackgroundAsync(ColorScheme.Dark));
        await tab.Page.ReloadAsync();
        await Assertions.Expect(button).ToHaveAttributeAsync("aria-label", "Colors: light");
        Assert.Equal(light, await BackgroundAsync(ColorScheme.Dark));
        await ChooseAsync("dark");
        Assert.Equal(dark, await BackgroundAsync(ColorScheme.Light));
        await ChooseAsync("system");
        Assert.Equal(light, await BackgroundAsync(ColorScheme.Light));

        async Task ChooseAsync(string name)
        {
            await button.ClickAsync();
            await Assertions.Expect(button).ToHaveAttributeAsync("aria-label", $"Colors: {name}");
        }

        async Task<string> BackgroundAsync(ColorScheme scheme)
        {
            await tab.Page.EmulateMediaAsync(new() { ColorScheme = scheme });
            return await tab.Page.EvaluateAsync<string>("() => getComputedStyle(document.body).backgroundColor");
        }
    }

    [Fact]
    public async Task With_reduced_motion_nothing_moves()
    {
        await using var tab = await studio.OpenAsync(await studio.ServiceAsync(), path: null);
        var released = new TaskCompletionSource();
        await tab.Page.RouteAsync("**/v1/songs?limit=100", async route =>
        {
            await released.Task;
            await route.ContinueAsync();
        });
        await tab.Page.GotoAsync("/");
        await Assertions.Expect(tab.Page.Locator(".late").First).ToBeAttachedAsync();
        const string Animation = "() => getComputedStyle(document.querySelector('.late')).animationName";
        Assert.Equal("appear", await tab.Page.EvaluateAsync<string>(Animation));
        await tab.Page.EmulateMediaAsync(new() { ReducedMotion = ReducedMotion.Reduce });
        Assert.Equal("none", await tab.Page.EvaluateAsync<string>(Animation));
        Assert.Equal(0, await tab.Page.EvaluateAsync<int>("() => document.getAnimations().length"));
        released.SetResult();
        await Assertions.Expect(tab.Page.Locator(".late")).ToHaveCountAsync(0);

        // getAnimations does not list the animations of some elements, such as the parts of a progress bar.
        var rules = await tab.Page.EvaluateAsync<string[]>(
            """
            () => {
              const moving = (rules, mayMove) => [...rules].flatMap(rule => rule instanceof CSSMediaRule
                ? moving(rule.cssRules, mayMove || rule.conditionText.includes('prefers-reduced-motion: no-preference'))
                : rule instanceof CSSStyleRule && ['transition-duration', 'animation-name', 'scroll-behavior']
                  .some(name => rule.style.getPropertyValue(name) !== '')
                  ? [`${mayMove ? 'allowed' : 'always'}: ${rule.selectorText}`] : []);
              return [...document.styleSheets].flatMap(sheet => moving(sheet.cssRules, false));
            }
            """);
        Assert.Contains("allowed: progress::-webkit-progress-value", rules);
        Assert.All(rules, rule => Assert.StartsWith("allowed", rule, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Help_opens_closes_and_is_accessible()
    {
        await using var tab = await studio.OpenAsync(await studio.ServiceAsync());
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Help", Exact = true }).ClickAsync();
        await Assertions.Expect(tab.Page.GetByRole(AriaRole.Dialog)).ToBeVisibleAsync();
        await tab.CheckAccessibilityAsync("help");
        await tab.Page.Keyboard.PressAsync("Escape");
        await Assertions.Expect(tab.Page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);
    }
}
