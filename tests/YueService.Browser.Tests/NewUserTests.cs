using Microsoft.Playwright;
using Xunit;

namespace YueService.Browser.Tests;

/// <summary>Tests parts of the page that could confuse a new user.</summary>
public sealed class NewUserTests(Studio studio)
{
    [Fact]
    public async Task The_progress_text_names_the_section_that_is_being_sung_again()
    {
        await using var tab = await OpenAsync();
        tab.Expected = "Failed to load resource";
        var chorus = tab.Page.GetByRole(AriaRole.Button, new() { Name = "chorus", Exact = true });
        await Assertions.Expect(chorus).ToHaveAttributeAsync("title", "chorus, 1 second. Select it to sing it again or to edit its words.");
        await chorus.ClickAsync();
        await tab.Song.GetByRole(AriaRole.Button, new() { Name = "Sing chorus again" }).ClickAsync();
        await Assertions.Expect(tab.Song.GetByText("Writing the new chorus")).ToBeVisibleAsync();
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Cancel", Exact = true }).ClickAsync();
        await Assertions.Expect(tab.Song.GetByText("Cancelled.")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task The_player_switches_to_the_shown_song_when_the_playing_one_ends()
    {
        var service = await studio.ServiceAsync();
        await service.SingAsync(new { lyrics = "[verse]\nThe next one", genre = "folk", target_seconds = 1 });
        await using var tab = await OpenAsync();
        var title = tab.Page.Locator(".player .now-title b");
        await tab.PlayButton.ClickAsync();
        await tab.HearAsync();

        // The song keeps playing while another one is shown.
        await tab.Item("The next one").Locator(".pick").ClickAsync();
        await Assertions.Expect(title).ToHaveTextAsync("Three seconds");
        await Assertions.Expect(title).ToHaveTextAsync("The next one");
        await Assertions.Expect(tab.PlayButton).ToHaveAttributeAsync("aria-label", "Play");
        await tab.PlayButton.ClickAsync();
        await tab.HearAsync();
        await Assertions.Expect(title).ToHaveTextAsync("The next one");
    }

    [Fact]
    public async Task Edit_words_moves_the_focus_to_the_words()
    {
        await using var tab = await OpenAsync();
        await tab.Song.GetByRole(AriaRole.Button, new() { Name = "Edit words" }).ClickAsync();
        await Assertions.Expect(tab.Form.GetByLabel("Words of verse")).ToBeFocusedAsync();
        await Assertions.Expect(tab.Form.GetByLabel("Words of verse")).ToHaveValueAsync("La la la");
    }

    /// <summary>Opens a finished song of three seconds.</summary>
    private async Task<StudioTab> OpenAsync()
    {
        var service = await studio.ServiceAsync();
        var tab = await studio.OpenAsync(service, $"/#song={await studio.SongAsync()}");
        await Assertions.Expect(tab.Actions).ToBeVisibleAsync();
        return tab;
    }
}
