using Microsoft.Playwright;
using Xunit;

namespace YueService.Browser.Tests;

/// <summary>The page of a service with a key.</summary>
public sealed class AccessTests(Studio studio)
{
    [Fact]
    public async Task With_a_key_the_page_asks_for_it_once_and_sound_and_events_come_by_the_cookie()
    {
        await studio.ServiceAsync();
        await using var service = await ServiceProcess.StartAsync("--Yue:ApiKey=sesame");
        await using var tab = await studio.OpenAsync(service);
        tab.Expected = "Failed to load resource";
        var dialog = tab.Page.GetByRole(AriaRole.Dialog);
        var key = dialog.GetByLabel("Key");
        await key.FillAsync("open");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await Assertions.Expect(dialog.GetByRole(AriaRole.Alert)).ToContainTextAsync("not a key");
        await tab.CheckAccessibilityAsync("sign-in");
        await key.FillAsync("sesame");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await Assertions.Expect(dialog).ToHaveCountAsync(0);

        await tab.WriteShortSongAsync();
        await tab.Sing.ClickAsync();
        await tab.HearAsync();
        await Assertions.Expect(tab.Actions).ToBeVisibleAsync();
        Assert.DoesNotContain("sesame", await tab.Page.EvaluateAsync<string>("() => document.cookie + JSON.stringify(localStorage)"));

        await tab.Page.ReloadAsync();
        await Assertions.Expect(tab.Actions).ToBeVisibleAsync();
        await Assertions.Expect(dialog).ToHaveCountAsync(0);
    }
}
