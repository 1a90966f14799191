using Microsoft.Playwright;
using Xunit;

namespace YueService.Browser.Tests;

/// <summary>Tests the page of a service with an API key.</summary>
public sealed class AccessTests(Studio studio)
{
    [Fact]
    public async Task The_page_asks_for_the_key_once_and_sound_and_events_use_the_cookie()
    {
        var service = await studio.LockedAsync();
        await using var tab = await studio.OpenAsync(service, options: StudioTab.WithClipboard);
        tab.Expected = "Failed to load resource";
        var dialog = tab.Page.GetByRole(AriaRole.Dialog);
        var key = dialog.GetByLabel("Key");
        await key.FillAsync("open");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await Assertions.Expect(dialog.GetByRole(AriaRole.Alert)).ToContainTextAsync("not valid");
        await tab.CheckAccessibilityAsync("sign-in");
        await key.FillAsync("sesame");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await Assertions.Expect(dialog).ToHaveCountAsync(0);

        await tab.WriteShortSongAsync();
        await tab.Sing.ClickAsync();
        await tab.HearAsync();
        await Assertions.Expect(tab.Actions).ToBeVisibleAsync();
        Assert.DoesNotContain("sesame", await tab.Page.EvaluateAsync<string>("() => document.cookie + JSON.stringify(localStorage)"));
        var command = await tab.CopyRequestAsync("curl");
        var start = $"curl {service.Address}v1/songs -H \"Authorization: Bearer ${{YUE_API_KEY%%,*}}\" -H ";
        Assert.StartsWith(start, command, StringComparison.Ordinal);

        await tab.Page.ReloadAsync();
        await Assertions.Expect(tab.Actions).ToBeVisibleAsync();
        await Assertions.Expect(dialog).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Signing_out_hides_the_songs_in_all_tabs_and_keeps_the_words()
    {
        var service = await studio.LockedAsync();
        await using var tab = await studio.OpenAsync(service);
        tab.Expected = "Failed to load resource";
        await SignInAsync(tab);
        var signOut = tab.Page.GetByRole(AriaRole.Button, new() { Name = "Sign out", Exact = true });
        await Assertions.Expect(signOut).ToBeVisibleAsync();
        await tab.Form.GetByLabel("Words of verse").FillAsync("Words that stay");
        var other = await tab.Page.Context.NewPageAsync();
        await other.GotoAsync("/");
        await Assertions.Expect(other.GetByRole(AriaRole.Button, new() { Name = "Sign out", Exact = true })).ToBeVisibleAsync();
        await signOut.ClickAsync();
        await Assertions.Expect(tab.Page.GetByRole(AriaRole.Dialog)).ToBeVisibleAsync();
        await Assertions.Expect(other.GetByRole(AriaRole.Dialog)).ToBeVisibleAsync();
        Assert.Empty(await tab.Page.Context.CookiesAsync());
        await SignInAsync(tab);
        await Assertions.Expect(other.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);
        await Assertions.Expect(tab.Form.GetByLabel("Words of verse")).ToHaveValueAsync("Words that stay");
    }

    [Fact]
    public async Task The_page_asks_for_the_key_if_the_cookie_expires_and_loses_nothing()
    {
        var service = await studio.LockedAsync();
        await using var tab = await studio.OpenAsync(service);
        tab.Expected = "Failed to load resource";
        await SignInAsync(tab);
        await tab.WriteShortSongAsync();
        await tab.Page.Context.ClearCookiesAsync();
        await tab.Form.GetByLabel("Words of verse").FillAsync("Written while the key expired");
        await tab.Sing.ClickAsync();
        await Assertions.Expect(tab.Page.GetByRole(AriaRole.Dialog)).ToContainTextAsync("You were signed out");
        await SignInAsync(tab);
        await tab.Sing.ClickAsync();
        await Assertions.Expect(tab.Song.GetByRole(AriaRole.Heading, new() { Name = "Written while the key expired" })).ToBeVisibleAsync();
        await Assertions.Expect(tab.Actions).ToBeVisibleAsync();
    }

    private static async Task SignInAsync(StudioTab tab)
    {
        var dialog = tab.Page.GetByRole(AriaRole.Dialog);
        await dialog.GetByLabel("Key").FillAsync("sesame");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await Assertions.Expect(dialog).ToHaveCountAsync(0);
    }
}
