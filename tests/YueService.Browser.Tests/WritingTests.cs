using System.Diagnostics;
using System.Text.Json;
using Microsoft.Playwright;
using Xunit;

namespace YueService.Browser.Tests;

/// <summary>Tests the form: tags, lyrics, findings, errors, and importing and exporting requests.</summary>
public sealed class WritingTests(Studio studio)
{
    [Fact]
    public async Task A_finding_is_underlined_in_place_and_can_be_fixed()
    {
        await using var tab = await studio.OpenAsync(await studio.ServiceAsync());
        var chorus = tab.Form.GetByLabel("Words of chorus");
        await chorus.FillAsync("Every road you take\nI'll be one step behind [x2]");
        await Assertions.Expect(tab.Page.Locator(".mirror mark")).ToHaveTextAsync("[x2]");
        await tab.CheckAccessibilityAsync("a finding");
        await tab.Form.GetByRole(AriaRole.Button, new() { Name = "Repeat the line" }).ClickAsync();
        await Assertions.Expect(chorus).ToHaveValueAsync("Every road you take\nI'll be one step behind\nI'll be one step behind");
        await Assertions.Expect(tab.Page.Locator(".finding")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task The_text_of_all_sections_marks_each_finding_in_place()
    {
        await using var tab = await studio.OpenAsync(await studio.ServiceAsync());
        await tab.Form.GetByRole(AriaRole.Button, new() { Name = "As text" }).ClickAsync();
        var text = tab.Form.GetByRole(AriaRole.Textbox, new() { Name = "Lyrics" });

        // The clef is one character of two UTF-16 code units.
        await text.FillAsync("[verse]\nStaring 𝄞\n\n\n[chorus]\nEvery road [x2]\n\n[bridge]\nOver the water");
        await Assertions.Expect(tab.Page.Locator(".mirror mark").Last).ToHaveTextAsync("[x2]");
        await tab.CheckAccessibilityAsync("findings in the text of all sections");
        var finding = tab.Page.Locator(".finding", new() { HasText = "[x2]" });
        await finding.GetByRole(AriaRole.Button, new() { Name = "Line 6" }).ClickAsync();
        await Assertions.Expect(text).ToBeFocusedAsync();
        Assert.Equal("[x2]", await text.EvaluateAsync<string>("area => area.value.slice(area.selectionStart, area.selectionEnd)"));
        await finding.GetByRole(AriaRole.Button, new() { Name = "Repeat the line" }).ClickAsync();
        await Assertions.Expect(text)
            .ToHaveValueAsync("[verse]\nStaring 𝄞\n\n\n[chorus]\nEvery road\nEvery road\n\n[bridge]\nOver the water");
        await Assertions.Expect(finding).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Undo_restores_removed_words_and_keeps_later_words()
    {
        await using var tab = await studio.OpenAsync(await studio.ServiceAsync());
        var verse = tab.Form.GetByLabel("Words of verse");
        await verse.FillAsync("Staring at the sunset [note]");
        await tab.Form.GetByRole(AriaRole.Button, new() { Name = "Remove it" }).ClickAsync();
        await Assertions.Expect(verse).ToHaveValueAsync("Staring at the sunset");
        await verse.PressAsync("End");
        await tab.Page.Keyboard.TypeAsync(", alone");
        await tab.Message.GetByRole(AriaRole.Button, new() { Name = "Undo" }).ClickAsync();
        await Assertions.Expect(verse).ToHaveValueAsync("Staring at the sunset [note], alone");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Without_words_nothing_is_sung_and_the_empty_field_gets_the_focus(bool asText)
    {
        await using var tab = await studio.OpenAsync(await studio.ServiceAsync());
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "New", Exact = true }).ClickAsync();
        var words = tab.Form.GetByLabel(asText ? "Lyrics" : "Words of verse", new() { Exact = asText }).And(tab.Page.Locator("textarea"));
        if (asText)
        {
            await tab.Form.GetByRole(AriaRole.Button, new() { Name = "As text" }).ClickAsync();
        }

        await tab.Sing.ClickAsync();
        await Assertions.Expect(tab.Form.GetByRole(AriaRole.Alert)).ToHaveTextAsync("Write the words to sing first.");
        await Assertions.Expect(words).ToBeFocusedAsync();
        await tab.CheckAccessibilityAsync("no words");
        Assert.DoesNotContain(tab.Requests, IsSong);
        await words.FillAsync("La la la");
        await Assertions.Expect(tab.Form.GetByRole(AriaRole.Alert)).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Edited_words_do_not_keep_the_title_of_the_original_song()
    {
        var service = await studio.ServiceAsync();
        var job = await service.SingAsync(new { lyrics = "[verse]\nA title of its own", genre = "folk", target_seconds = 1 });
        await using var tab = await studio.OpenAsync(service, $"/#song={job.GetProperty("id").GetString()}");
        await tab.Song.GetByRole(AriaRole.Button, new() { Name = "Edit words" }).ClickAsync();
        await Assertions.Expect(tab.Form.GetByLabel("Title", new() { Exact = true })).ToHaveValueAsync("");
        await tab.Form.GetByLabel("Words of verse").FillAsync("Other words");
        await tab.Sing.ClickAsync();
        await Assertions.Expect(tab.Song.GetByRole(AriaRole.Heading, new() { Name = "Other words" })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Tags_are_picked_by_keyboard_and_update_the_line_that_is_sent()
    {
        await using var tab = await studio.OpenAsync(await studio.ServiceAsync());
        var keys = tab.Page.Keyboard;
        await tab.Form.GetByRole(AriaRole.Button, new() { Name = "genre pop" }).FocusAsync();
        await keys.PressAsync("Enter");
        await tab.Form.GetByRole(AriaRole.Combobox, new() { Name = "genre tag" }).FillAsync("jaz");
        await Assertions.Expect(tab.Form.GetByRole(AriaRole.Option).First).ToHaveTextAsync("jazz");
        await tab.CheckAccessibilityAsync("the list of tags");
        await keys.PressAsync("Enter");
        var line = tab.Form.GetByLabel("Sent as");
        await Assertions.Expect(line).ToHaveValueAsync("bright jazz piano female 100 bpm");

        // A tag that is in no list is used as written.
        await tab.Form.GetByRole(AriaRole.Button, new() { Name = "+ timbre" }).ClickAsync();
        await tab.Form.GetByRole(AriaRole.Combobox, new() { Name = "timbre tag" }).FillAsync("like velvet");
        await keys.PressAsync("Enter");
        await Assertions.Expect(line).ToHaveValueAsync("bright jazz piano female 100 bpm like velvet");
        await tab.Form.GetByRole(AriaRole.Button, new() { Name = "instrument piano" }).PressAsync("Delete");
        await Assertions.Expect(line).ToHaveValueAsync("bright jazz female 100 bpm like velvet");
    }

    [Fact]
    public async Task An_invalid_value_is_explained_at_its_field_until_it_is_corrected()
    {
        await using var tab = await studio.OpenAsync(await studio.ServiceAsync());
        await tab.Form.GetByText("Settings", new() { Exact = true }).ClickAsync();
        var length = tab.Form.GetByLabel("Seconds per section");
        await length.FillAsync("500");
        await tab.Sing.ClickAsync();
        await Assertions.Expect(length).ToHaveAttributeAsync("aria-invalid", "true");
        await Assertions.Expect(length).ToBeFocusedAsync();
        var fault = tab.Page.Locator("[id='target_seconds-fault']");
        await Assertions.Expect(fault).ToHaveTextAsync("Use a number from 1 to 100, or leave it empty.");
        await tab.CheckAccessibilityAsync("a wrong value");
        Assert.DoesNotContain(tab.Requests, IsSong);

        // The error disappears when the value is valid, and appears only when the field loses the focus.
        await length.FillAsync("50");
        await Assertions.Expect(fault).ToHaveCountAsync(0);
        await Assertions.Expect(length).Not.ToHaveAttributeAsync("aria-invalid", "true");
        var seed = tab.Form.GetByLabel("Seed");
        await seed.FillAsync("seven");
        await Assertions.Expect(tab.Page.Locator("[id='seed-fault']")).ToHaveCountAsync(0);
        await seed.BlurAsync();
        await Assertions.Expect(tab.Page.Locator("[id='seed-fault']"))
            .ToHaveTextAsync("Use a whole number, or leave it empty.");
    }

    [Fact]
    public async Task A_song_is_not_sent_until_the_page_knows_the_fields_of_the_service()
    {
        await using var tab = await studio.OpenAsync(await studio.ServiceAsync(), path: null);
        var released = new TaskCompletionSource();
        await tab.Page.RouteAsync("**/v1/options", async route =>
        {
            await released.Task;
            await route.ContinueAsync();
        });
        await tab.Page.GotoAsync("/");
        await tab.Form.GetByText("Settings", new() { Exact = true }).ClickAsync();
        var length = tab.Form.GetByLabel("Seconds per section");
        await length.FillAsync("500");
        await tab.Sing.ClickAsync();
        await Assertions.Expect(tab.Sing).ToHaveAttributeAsync("aria-disabled", "true");
        released.SetResult();
        await Assertions.Expect(length).ToHaveAttributeAsync("aria-invalid", "true");
        Assert.DoesNotContain(tab.Requests, IsSong);
    }

    [Fact]
    public async Task The_license_of_a_model_is_in_the_settings()
    {
        await using var tab = await studio.OpenAsync(await studio.ServiceAsync(), path: null);
        await tab.ChangeResponsesAsync(
            "**/health", body => body.Replace("\"demo\":true", "\"demo\":false", StringComparison.Ordinal));
        await tab.Page.GotoAsync("/");
        await tab.Form.GetByText("Settings", new() { Exact = true }).ClickAsync();
        var link = tab.Form.GetByRole(AriaRole.Link, new() { Name = "Apache-2.0" });
        await Assertions.Expect(link).ToHaveAttributeAsync("href", "https://huggingface.co/m-a-p/YuE-s1-7B-anneal-en-cot");
        await tab.CheckAccessibilityAsync("the license of a model");
    }

    [Fact]
    public async Task Fields_set_only_by_an_opened_request_are_shown_with_their_errors()
    {
        await using var tab = await studio.OpenAsync(await studio.ServiceAsync());
        tab.Expected = "Failed to load resource";
        await OpenRequestAsync(tab, """{"lyrics":"[verse]\nLa","genre":"pop","output":{"loudness_lufs":5}}""");
        await tab.Form.GetByText("Settings", new() { Exact = true }).ClickAsync();
        await tab.Sing.ClickAsync();
        var field = tab.Page.Locator(".others li");
        await Assertions.Expect(field).ToContainTextAsync("Use a number from -36 to -6, or remove it.");
        await Assertions.Expect(tab.Page.Locator(".sing .fault")).ToHaveCountAsync(0);
        await tab.CheckAccessibilityAsync("a field of an opened request");
        await field.GetByRole(AriaRole.Button).ClickAsync();
        await Assertions.Expect(field).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Sections_can_be_moved_by_keyboard_or_mouse_and_a_tag_starts_a_section()
    {
        await using var tab = await studio.OpenAsync(await studio.ServiceAsync());
        var first = tab.Page.Locator(".card .tag").First;
        await tab.Form.GetByLabel("Words of chorus").PressAsync("Alt+ArrowUp");
        await Assertions.Expect(first).ToHaveValueAsync("chorus");

        // The focus stays in the moved card, whose name contains its new position.
        await Assertions.Expect(tab.Form.GetByLabel("Words of chorus, section 1 of 2")).ToBeFocusedAsync();

        await DragAsync(tab, "Move chorus, section 1 of 2", tab.Form.GetByLabel("Words of verse"));
        await Assertions.Expect(first).ToHaveValueAsync("verse");
        await DragAsync(tab, "Move chorus, section 2 of 2", tab.Form.GetByLabel("Title", new() { Exact = true }));
        await Assertions.Expect(first).ToHaveValueAsync("chorus");
        await Assertions.Expect(tab.Page.Locator(".card.dragged")).ToHaveCountAsync(0);

        await tab.Form.GetByLabel("Words of verse").FillAsync("Staring\n[bridge]\nOver the water");
        await Assertions.Expect(tab.Form.GetByLabel("Words of bridge")).ToHaveValueAsync("Over the water");
        await tab.Form.GetByRole(AriaRole.Button, new() { Name = "As text" }).ClickAsync();
        await Assertions.Expect(tab.Form.GetByRole(AriaRole.Textbox, new() { Name = "Lyrics" }))
            .ToHaveValueAsync("[chorus]\nEvery road you take\n\n[verse]\nStaring\n\n[bridge]\nOver the water");
    }

    [Fact]
    public async Task Sections_can_be_moved_by_touch()
    {
        var options = new BrowserNewContextOptions { ViewportSize = new() { Width = 390, Height = 844 }, HasTouch = true };
        await using var tab = await studio.OpenAsync(await studio.ServiceAsync(), options: options);
        var grip = (await tab.Page.Locator(".grip").First.BoundingBoxAsync())!;
        var chorus = (await tab.Form.GetByLabel("Words of chorus").BoundingBoxAsync())!;
        var (x, top, bottom) = (grip.X + (grip.Width / 2), grip.Y + (grip.Height / 2), chorus.Y + chorus.Height);
        var session = await tab.Page.Context.NewCDPSessionAsync(tab.Page);
        await TouchAsync("touchStart", top);
        for (var step = 1; step <= 10; step++)
        {
            await TouchAsync("touchMove", top + ((bottom - top) * step / 10));
        }

        await Assertions.Expect(tab.Page.Locator(".card.dragged .tag")).ToHaveValueAsync("verse");
        await session.SendAsync("Input.dispatchTouchEvent", new() { ["type"] = "touchEnd", ["touchPoints"] = Array.Empty<object>() });
        await Assertions.Expect(tab.Page.Locator(".card.dragged")).ToHaveCountAsync(0);
        await Assertions.Expect(tab.Page.Locator(".card .tag").First).ToHaveValueAsync("chorus");

        Task TouchAsync(string type, float y) => session.SendAsync(
            "Input.dispatchTouchEvent", new() { ["type"] = type, ["touchPoints"] = new[] { new { x, y } } });
    }

    [Fact]
    public async Task Each_section_shows_the_length_that_the_service_estimates()
    {
        await using var tab = await studio.OpenAsync(await studio.ServiceAsync());
        var response = await tab.Page.RunAndWaitForResponseAsync(
            () => tab.Form.GetByLabel("Words of chorus").FillAsync("Every road you take\nEvery word you say\nEvery night I wake"),
            response => response.Url.EndsWith("/v1/songs/check", StringComparison.Ordinal)
                && response.Request.PostData!.Contains("night", StringComparison.Ordinal));
        var check = (await response.JsonAsync())!.Value;
        var lengths = check.GetProperty("sections").EnumerateArray()
            .Select(section => Math.Round(section.GetProperty("estimated_seconds").GetDouble(), MidpointRounding.AwayFromZero)).ToList();
        Assert.Equal(2, lengths.Distinct().Count());
        await Assertions.Expect(tab.Page.Locator(".card .length")).ToHaveTextAsync(lengths.Select(length => $"≈ {length} s"));
    }

    [Fact]
    public async Task A_request_that_is_copied_as_JSON_or_curl_and_opened_again_is_unchanged()
    {
        var service = await studio.ServiceAsync();
        var song = await service.SingAsync(new
        {
            lyrics = "[verse]\nIt's \"mine\", they'd say\n\\n $HOME `pwd` 你好",
            genre = "folk",
            seed = 7,
            target_seconds = 1,
            output = new { stems = true },
        });
        await using var tab = await studio.OpenAsync(service, $"/#song={song.GetProperty("id").GetString()}", StudioTab.WithClipboard);
        await tab.Song.GetByRole(AriaRole.Button, new() { Name = "More actions" }).ClickAsync();
        await tab.CheckAccessibilityAsync("the actions of a song");
        await tab.Page.Keyboard.PressAsync("Escape");
        var copied = await tab.CopyRequestAsync("JSON");
        var command = await tab.CopyRequestAsync("curl");
        string[] arguments = [$"{service.Address}v1/songs", "-H", "Content-Type: application/json", "-d"];
        var parsed = await ParseAsync(command);
        Assert.Equal(arguments, parsed[..^1]);
        Assert.True(JsonElement.DeepEquals(JsonElement.Parse(copied), JsonElement.Parse(parsed[^1])), command);

        await OpenRequestAsync(tab, copied);
        await Assertions.Expect(tab.Form.GetByText("Seed 7:")).ToBeVisibleAsync();
        var sending = tab.Page.WaitForResponseAsync(
            response => response.Request.Method == "POST" && response.Url.EndsWith("/v1/songs", StringComparison.Ordinal));
        await tab.Sing.ClickAsync();
        var again = (await (await sending).JsonAsync())!.Value;
        var first = JsonElement.Parse(copied);
        Assert.True(JsonElement.DeepEquals(first, again.GetProperty("request")), $"{copied}\n{again.GetProperty("request")}");
    }

    private static async Task DragAsync(StudioTab tab, string handle, ILocator target)
    {
        await tab.Form.GetByRole(AriaRole.Button, new() { Name = handle }).HoverAsync();
        await tab.Page.Mouse.DownAsync();
        var box = (await target.BoundingBoxAsync())!;
        await tab.Page.Mouse.MoveAsync(box.X + 20, box.Y + (box.Height * 0.8f), new() { Steps = 5 });
        await tab.Page.Mouse.UpAsync();
    }

    /// <summary>Returns the arguments that a shell passes to curl.</summary>
    private static async Task<string[]> ParseAsync(string command)
    {
        using var shell = Process.Start(new ProcessStartInfo("bash", ["-c", $"curl() {{ printf '%s\\0' \"$@\"; }}\n{command}"])
        {
            RedirectStandardOutput = true,
        })!;
        var output = await shell.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await shell.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, shell.ExitCode);
        return output.TrimEnd('\0').Split('\0');
    }

    private static bool IsSong(IRequest request) =>
        request.Method == "POST" && request.Url.EndsWith("/v1/songs", StringComparison.Ordinal);

    private static async Task OpenRequestAsync(StudioTab tab, string json)
    {
        var settings = tab.Form.GetByText("Settings", new() { Exact = true });
        await settings.ClickAsync();
        var choosing = tab.Page.WaitForFileChooserAsync();
        await tab.Form.GetByRole(AriaRole.Button, new() { Name = "Open a request" }).ClickAsync();
        var bytes = System.Text.Encoding.UTF8.GetBytes(json);
        await (await choosing).SetFilesAsync(new FilePayload { Name = "song.json", MimeType = "application/json", Buffer = bytes });
        await settings.ClickAsync();
    }
}
