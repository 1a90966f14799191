using Microsoft.Playwright;
using Xunit;

namespace YueService.Browser.Tests;

/// <summary>The page on a phone, zoomed, and by keyboard alone.</summary>
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
            await tab.Page.GetByRole(AriaRole.Tab, new() { Name = name }).ClickAsync();
            await Assertions.Expect(tab.Page.Locator($"#{name.ToLowerInvariant()}")).ToBeVisibleAsync();
            Assert.Equal(width, await tab.Page.EvaluateAsync<int>("() => document.documentElement.scrollWidth"));
            await tab.CheckAccessibilityAsync($"{name}, {width} pixels wide");
        }

        await Assertions.Expect(tab.PlayButton).ToBeInViewportAsync();
    }

    [Fact]
    public async Task A_song_is_written_sung_and_played_by_keyboard_alone()
    {
        var service = await studio.ServiceAsync();
        await using var tab = await studio.OpenAsync(service);
        await Assertions.Expect(tab.Page.Locator(".pill.device")).ToBeVisibleAsync();
        var keys = tab.Page.Keyboard;
        await TabToAsync(tab, "textarea");
        await keys.PressAsync("Control+A");
        await keys.TypeAsync("By keys alone");
        await TabToAsync(tab, ".more summary");
        await keys.PressAsync("Enter");
        await TabToAsync(tab, "[name=target_seconds]");
        await keys.TypeAsync("1");
        await keys.PressAsync("Enter");
        await Assertions.Expect(tab.Page.GetByRole(AriaRole.Heading, new() { Name = "By keys alone" })).ToBeVisibleAsync();
        await Assertions.Expect(tab.Actions).ToBeVisibleAsync();
        await TabToAsync(tab, ".player .play");
        await Assertions.Expect(tab.PlayButton).ToHaveAttributeAsync("aria-label", "Play");
        await keys.PressAsync("Enter");
        await tab.HearAsync();
    }

    [Fact]
    public async Task Help_opens_closes_and_is_accessible()
    {
        await using var tab = await studio.OpenAsync(await studio.ServiceAsync());
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Help" }).ClickAsync();
        await Assertions.Expect(tab.Page.GetByRole(AriaRole.Dialog)).ToBeVisibleAsync();
        await tab.CheckAccessibilityAsync("help");
        await tab.Page.Keyboard.PressAsync("Escape");
        await Assertions.Expect(tab.Page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);
    }

    /// <summary>Presses Tab until an element has the focus.</summary>
    private static async Task TabToAsync(StudioTab tab, string selector)
    {
        for (var presses = 0; presses < 100; presses++)
        {
            if (await tab.Page.EvaluateAsync<bool>("selector => document.activeElement.matches(selector)", selector))
            {
                return;
            }

            await tab.Page.Keyboard.PressAsync("Tab");
        }

        Assert.Fail($"Tab does not come to {selector}.");
    }
}
