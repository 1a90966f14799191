using Microsoft.Playwright;
using Xunit;

namespace YueService.Browser.Tests;

/// <summary>Tests that words that have not been sung are never lost.</summary>
public sealed class DraftTests(Studio studio)
{
    private const string Written = "Nobody sang this yet";

    [Theory]
    [InlineData("Edit words")]
    [InlineData("Continue")]
    [InlineData("New")]
    [InlineData("Write another like it")]
    public async Task Undo_restores_words_that_were_replaced(string button)
    {
        var service = await studio.ServiceAsync();
        await using var tab = await studio.OpenAsync(service, $"/#song={await studio.SongAsync()}");
        await Words(tab).FillAsync(Written);
        if (button == "Write another like it")
        {
            await tab.Song.GetByRole(AriaRole.Button, new() { Name = "More actions" }).ClickAsync();
            await tab.Page.GetByRole(AriaRole.Menuitem, new() { Name = button }).ClickAsync();
        }
        else
        {
            await tab.Page.GetByRole(AriaRole.Button, new() { Name = button, Exact = true }).ClickAsync();
        }

        await Assertions.Expect(Words(tab)).Not.ToHaveValueAsync(Written);
        await tab.CheckAccessibilityAsync("words put aside");
        await tab.Message.GetByRole(AriaRole.Button, new() { Name = "Undo" }).ClickAsync();
        await Assertions.Expect(Words(tab)).ToHaveValueAsync(Written);
        await Assertions.Expect(Drafts(tab)).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Replaced_words_are_among_the_drafts_after_a_reload()
    {
        await using var tab = await studio.OpenAsync(await studio.ServiceAsync());
        await Words(tab).FillAsync(Written);
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "New", Exact = true }).ClickAsync();
        await Assertions.Expect(Words(tab)).ToHaveValueAsync("");
        await Assertions.Expect(Words(tab)).ToBeFocusedAsync();
        await tab.Page.Keyboard.TypeAsync("Another song");
        await tab.Page.ReloadAsync();
        await Assertions.Expect(Words(tab)).ToHaveValueAsync("Another song");
        await Drafts(tab).ClickAsync();
        await tab.CheckAccessibilityAsync("the drafts");
        await tab.Page.GetByRole(AriaRole.Menuitem, new() { Name = Written }).ClickAsync();
        await Assertions.Expect(Words(tab)).ToHaveValueAsync(Written);
        await Drafts(tab).ClickAsync();
        await Assertions.Expect(tab.Page.GetByRole(AriaRole.Menuitem, new() { Name = "Another song" })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task New_words_for_a_section_survive_a_reload_and_Stop_restores_the_old_ones()
    {
        var service = await studio.ServiceAsync();
        await using var tab = await studio.OpenAsync(service, $"/#song={await studio.SongAsync()}");
        await Words(tab).FillAsync(Written);
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "chorus", Exact = true }).ClickAsync();
        await tab.Song.GetByRole(AriaRole.Button, new() { Name = "Edit words" }).ClickAsync();
        var chorus = tab.Form.GetByLabel("Words of chorus");
        await Assertions.Expect(chorus).ToBeFocusedAsync();
        await chorus.FillAsync("New words of the chorus");
        await tab.Page.ReloadAsync();
        await Assertions.Expect(chorus).ToHaveValueAsync("New words of the chorus");
        await Assertions.Expect(tab.Sing).ToHaveTextAsync("Sing the new chorus");
        await tab.CheckAccessibilityAsync("a section that is being changed");
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Stop", Exact = true }).ClickAsync();
        await Assertions.Expect(Words(tab)).ToHaveValueAsync(Written);
        await Assertions.Expect(tab.Sing).ToHaveTextAsync("Sing");
        await tab.Message.GetByRole(AriaRole.Button, new() { Name = "Undo" }).ClickAsync();
        await Assertions.Expect(chorus).ToHaveValueAsync("New words of the chorus");
    }

    [Fact]
    public async Task A_removed_section_returns_to_its_original_position()
    {
        await using var tab = await studio.OpenAsync(await studio.ServiceAsync());
        await Words(tab).FillAsync(Written);
        await tab.Form.GetByRole(AriaRole.Button, new() { Name = "Remove verse" }).ClickAsync();
        await Assertions.Expect(Words(tab)).ToHaveCountAsync(0);
        await tab.Form.GetByLabel("Words of chorus").FillAsync("Written meanwhile");
        await tab.Message.GetByRole(AriaRole.Button, new() { Name = "Undo" }).ClickAsync();
        await Assertions.Expect(tab.Page.Locator(".card textarea").First).ToHaveValueAsync(Written);
        await Assertions.Expect(tab.Page.Locator(".card textarea").Last).ToHaveValueAsync("Written meanwhile");
    }

    [Fact]
    public async Task Two_tabs_have_separate_words_and_a_closed_tab_leaves_a_draft()
    {
        await using var tab = await studio.OpenAsync(await studio.ServiceAsync());
        await Words(tab).FillAsync(Written);
        var other = await tab.Page.Context.NewPageAsync();
        await other.GotoAsync("/");
        await other.Locator("#write").GetByLabel("Words of verse").FillAsync("Words of the other tab");
        await tab.Page.ReloadAsync();
        await Assertions.Expect(Words(tab)).ToHaveValueAsync(Written);
        await Assertions.Expect(other.Locator("#write").GetByLabel("Words of verse")).ToHaveValueAsync("Words of the other tab");
        await other.CloseAsync(new() { RunBeforeUnload = true });
        await Drafts(tab).ClickAsync();
        await Assertions.Expect(tab.Page.GetByRole(AriaRole.Menuitem, new() { Name = "Words of the other tab" })).ToBeVisibleAsync();
    }

    private static ILocator Words(StudioTab tab) => tab.Form.GetByLabel("Words of verse").First;

    private static ILocator Drafts(StudioTab tab) => tab.Form.GetByRole(AriaRole.Button, new() { Name = "Drafts", Exact = true });
}
