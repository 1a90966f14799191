using System.Text.Json;
using Microsoft.Playwright;
using Xunit;

namespace YueService.Browser.Tests;

/// <summary>The form: tags, lyrics, findings, faults, and requests in and out of it.</summary>
public sealed class WritingTests(Studio studio)
{
    [Fact]
    public async Task A_finding_is_underlined_where_it_is_and_can_be_fixed()
    {
        await using var tab = await studio.OpenAsync(await studio.ServiceAsync());
        var chorus = tab.Page.GetByLabel("Words of chorus");
        await chorus.FillAsync("Every road you take\nI'll be one step behind [x2]");
        await Assertions.Expect(tab.Page.Locator(".mirror mark")).ToHaveTextAsync("[x2]");
        await tab.CheckAccessibilityAsync("a finding");
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Repeat the line" }).ClickAsync();
        await Assertions.Expect(chorus).ToHaveValueAsync("Every road you take\nI'll be one step behind\nI'll be one step behind");
        await Assertions.Expect(tab.Page.Locator(".finding")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Tags_are_picked_by_keyboard_and_the_line_that_is_sent_follows()
    {
        await using var tab = await studio.OpenAsync(await studio.ServiceAsync());
        var keys = tab.Page.Keyboard;
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "genre pop" }).FocusAsync();
        await keys.PressAsync("Enter");
        await tab.Page.GetByRole(AriaRole.Combobox, new() { Name = "genre tag" }).FillAsync("jaz");
        await Assertions.Expect(tab.Page.GetByRole(AriaRole.Option).First).ToHaveTextAsync("jazz");
        await tab.CheckAccessibilityAsync("the list of tags");
        await keys.PressAsync("Enter");
        var line = tab.Page.GetByLabel("Sent as");
        await Assertions.Expect(line).ToHaveValueAsync("bright jazz piano female 100 bpm");

        // A tag that is in no list is taken as it is written.
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "+ timbre" }).ClickAsync();
        await tab.Page.GetByRole(AriaRole.Combobox, new() { Name = "timbre tag" }).FillAsync("like velvet");
        await keys.PressAsync("Enter");
        await Assertions.Expect(line).ToHaveValueAsync("bright jazz piano female 100 bpm like velvet");
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "instrument piano" }).PressAsync("Delete");
        await Assertions.Expect(line).ToHaveValueAsync("bright jazz female 100 bpm like velvet");
    }

    [Fact]
    public async Task A_refused_value_is_shown_at_its_field()
    {
        await using var tab = await studio.OpenAsync(await studio.ServiceAsync());
        tab.Expected = "Failed to load resource";
        await tab.Page.GetByText("Settings", new() { Exact = true }).ClickAsync();
        var length = tab.Page.GetByLabel("Seconds per section");
        await length.FillAsync("500");
        await tab.Sing.ClickAsync();
        await Assertions.Expect(length).ToHaveAttributeAsync("aria-invalid", "true");
        await Assertions.Expect(length).ToBeFocusedAsync();
        await Assertions.Expect(tab.Page.Locator("[id='target_seconds-fault']")).ToContainTextAsync("target_seconds is 500");
        await tab.CheckAccessibilityAsync("a refused value");
    }

    [Fact]
    public async Task Sections_move_by_keyboard_and_a_tag_in_the_words_begins_a_section()
    {
        await using var tab = await studio.OpenAsync(await studio.ServiceAsync());
        await tab.Page.GetByLabel("Words of chorus").PressAsync("Alt+ArrowUp");
        await Assertions.Expect(tab.Page.Locator(".card .tag").First).ToHaveValueAsync("chorus");
        await Assertions.Expect(tab.Page.GetByLabel("Words of chorus")).ToBeFocusedAsync();
        await tab.Page.GetByLabel("Words of verse").FillAsync("Staring\n[bridge]\nOver the water");
        await Assertions.Expect(tab.Page.GetByLabel("Words of bridge")).ToHaveValueAsync("Over the water");
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "As text" }).ClickAsync();
        await Assertions.Expect(tab.Page.GetByRole(AriaRole.Textbox, new() { Name = "Lyrics" }))
            .ToHaveValueAsync("[chorus]\nEvery road you take\n\n[verse]\nStaring\n\n[bridge]\nOver the water");
    }

    [Fact]
    public async Task A_request_that_is_copied_as_JSON_and_opened_again_is_the_same()
    {
        var service = await studio.ServiceAsync();
        var id = await studio.SongAsync();
        var options = new BrowserNewContextOptions { Permissions = ["clipboard-read", "clipboard-write"] };
        await using var tab = await studio.OpenAsync(service, $"/#song={id}", options);
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "More actions" }).ClickAsync();
        await tab.CheckAccessibilityAsync("the actions of a song");
        await tab.Page.GetByRole(AriaRole.Menuitem, new() { Name = "Copy as JSON" }).ClickAsync();
        await Assertions.Expect(tab.Page.GetByText("Copied").First).ToBeVisibleAsync();
        var copied = await tab.Page.EvaluateAsync<string>("() => navigator.clipboard.readText()");

        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "More about the request" }).ClickAsync();
        var choosing = tab.Page.WaitForFileChooserAsync();
        await tab.Page.GetByRole(AriaRole.Menuitem, new() { Name = "Open a request" }).ClickAsync();
        var bytes = System.Text.Encoding.UTF8.GetBytes(copied);
        await (await choosing).SetFilesAsync(new FilePayload { Name = "song.json", MimeType = "application/json", Buffer = bytes });
        await Assertions.Expect(tab.Page.GetByText("Seed 7:")).ToBeVisibleAsync();
        var sending = tab.Page.WaitForResponseAsync(
            answer => answer.Request.Method == "POST" && answer.Url.EndsWith("/v1/songs", StringComparison.Ordinal));
        await tab.Sing.ClickAsync();
        var again = (await (await sending).JsonAsync())!.Value;
        var first = JsonElement.Parse(copied);
        Assert.True(JsonElement.DeepEquals(first, again.GetProperty("request")), $"{copied}\n{again.GetProperty("request")}");
    }
}
