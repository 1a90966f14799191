using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Playwright;
using Xunit;

namespace YueService.Browser.Tests;

/// <summary>Tests the library: search, names, favorites, deleting and restoring songs, long lists, restarts, and the queue.</summary>
public sealed class LibraryTests(Studio studio)
{
    private static readonly string[] Tree = ["1 Acorn", "2 Take 2", "3 Sapling", "4 Oak"];

    [Fact]
    public async Task Songs_are_found_renamed_marked_as_favorites_deleted_and_restored()
    {
        var service = await studio.ServiceAsync();
        await studio.SongAsync();
        var job = await service.SingAsync(new { lyrics = "[verse]\nLighthouse", genre = "folk", target_seconds = 1 });
        var id = job.GetProperty("id").GetString()!;
        await using var tab = await studio.OpenAsync(service);
        tab.Expected = "Failed to load resource";
        var items = tab.Page.Locator(".item");
        await tab.Page.GetByRole(AriaRole.Searchbox).FillAsync("lighthouse");
        await Assertions.Expect(items).ToHaveCountAsync(1);

        await items.GetByRole(AriaRole.Button, new() { Name = "Actions for Lighthouse" }).ClickAsync();
        await tab.Page.GetByRole(AriaRole.Menuitem, new() { Name = "Rename" }).ClickAsync();
        await tab.Song.GetByLabel("Title of the song").FillAsync("Harbour lights");
        await tab.Page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(items.GetByText("Harbour lights")).ToBeVisibleAsync();
        await tab.Page.Locator(".title").GetByRole(AriaRole.Button, new() { Name = "Favorite" }).ClickAsync();
        await Eventually.TrueAsync(async () => await service.JobAsync(id) is var now
            && now.GetProperty("title").GetString() == "Harbour lights" && now.GetProperty("favourite").GetBoolean());
        await tab.Library.GetByRole(AriaRole.Button, new() { Name = "Only favorites" }).ClickAsync();
        await Assertions.Expect(items).ToHaveCountAsync(1);

        // If the song is deleted by keyboard, the focus moves to the button that restores it.
        var keys = tab.Page.Keyboard;
        await items.GetByRole(AriaRole.Button, new() { Name = "Actions for Harbour lights" }).PressAsync("Enter");
        await keys.PressAsync("ArrowUp");
        await Assertions.Expect(tab.Page.GetByRole(AriaRole.Menuitem, new() { Name = "Delete" })).ToBeFocusedAsync();
        await keys.PressAsync("Enter");
        await Assertions.Expect(items).ToHaveCountAsync(0);
        await Assertions.Expect(tab.Message.GetByRole(AriaRole.Alert)).ToHaveTextAsync("Deleted “Harbour lights”");
        await Assertions.Expect(tab.Message.GetByRole(AriaRole.Button, new() { Name = "Undo" })).ToBeFocusedAsync();
        await tab.CheckAccessibilityAsync("a deleted song");
        await keys.PressAsync("Enter");
        await Assertions.Expect(items).ToHaveCountAsync(1);
        Assert.Equal("succeeded", (await service.JobAsync(id)).GetProperty("state").GetString());

        await items.GetByRole(AriaRole.Button, new() { Name = "Actions for Harbour lights" }).ClickAsync();
        await tab.Page.GetByRole(AriaRole.Menuitem, new() { Name = "Delete" }).ClickAsync();
        await tab.Message.GetByRole(AriaRole.Button, new() { Name = "Close the message" }).ClickAsync();
        await Eventually.TrueAsync(async () =>
        {
            using var response = await service.Client.GetAsync(new Uri($"/v1/songs/{id}", UriKind.Relative));
            return response.StatusCode == HttpStatusCode.NotFound;
        });
    }

    [Fact]
    public async Task Cancelled_songs_are_listed_separately_and_their_deletion_can_be_undone()
    {
        await studio.ServiceAsync();
        await using var service = await ServiceProcess.StartSimulatedAsync();
        await service.SingAsync(new { lyrics = "[verse]\nGood", genre = "folk" });
        await service.QueueAsync(new { lyrics = "[verse]\nBad", seed = ServiceProcess.HoldingSeed });
        await service.QueueAsync(new { lyrics = "[verse]\nWorse", seed = ServiceProcess.HoldingSeed });
        await using var tab = await studio.OpenAsync(service);
        tab.Expected = "Failed to load resource";
        var good = tab.Page.Locator(".list .item");
        await Assertions.Expect(good).ToHaveCountAsync(3);
        var queue = tab.Page.Locator(".top .pill:not(.device)");
        await Assertions.Expect(queue).ToHaveTextAsync("1 singing · 1 waiting");
        foreach (var title in new[] { "Worse", "Bad" })
        {
            await good.GetByRole(AriaRole.Button, new() { Name = $"Actions for {title}" }).ClickAsync();
            await tab.Page.GetByRole(AriaRole.Menuitem, new() { Name = "Cancel" }).ClickAsync();
        }

        await Assertions.Expect(good).ToHaveCountAsync(1);
        await Assertions.Expect(queue).ToHaveCountAsync(0);
        await tab.Library.GetByText("2 cancelled").ClickAsync();
        var unsung = tab.Page.Locator(".unsung .item");
        await Assertions.Expect(unsung).ToHaveCountAsync(2);
        await tab.CheckAccessibilityAsync("cancelled songs");
        var delete = tab.Library.GetByRole(AriaRole.Button, new() { Name = "Delete them all" });
        await delete.ClickAsync();
        await Assertions.Expect(unsung).ToHaveCountAsync(0);
        await tab.Message.GetByRole(AriaRole.Button, new() { Name = "Undo" }).ClickAsync();
        await tab.Library.GetByText("2 cancelled").ClickAsync();

        // One of the two requests does not reach the service.
        var failures = 1;
        await tab.Page.RouteAsync("**/v1/songs/*", route =>
            route.Request.Method == "DELETE" && Interlocked.Decrement(ref failures) == 0 ? route.AbortAsync() : route.ContinueAsync());
        await delete.ClickAsync();
        await tab.Message.GetByRole(AriaRole.Button, new() { Name = "Close the message" }).ClickAsync();
        await Assertions.Expect(tab.Message.GetByRole(AriaRole.Alert))
            .ToContainTextAsync("Could not delete 1 of 2 songs: the service is not responding.");
        await Assertions.Expect(unsung).ToHaveCountAsync(1);
        Assert.Equal(2, (await service.JsonAsync("/v1/songs")).GetProperty("songs").GetArrayLength());
    }

    [Fact]
    public async Task A_search_typed_before_the_library_has_loaded_is_kept()
    {
        var service = await studio.ServiceAsync();
        await studio.SongAsync();
        await service.SingAsync(new { lyrics = "[verse]\nEarly bird", genre = "folk", target_seconds = 1 });
        await using var tab = await studio.OpenAsync(service, path: null);
        var released = new TaskCompletionSource();
        await tab.Page.RouteAsync("**/v1/songs?limit=100", async route =>
        {
            await released.Task;
            await route.ContinueAsync();
        });
        await tab.Page.GotoAsync("/");
        var items = tab.Page.Locator(".item");
        await tab.Page.GetByRole(AriaRole.Searchbox).FillAsync("early bird");
        await Assertions.Expect(items).ToHaveCountAsync(1);
        await tab.Page.RunAndWaitForResponseAsync(
            () => Task.FromResult(released.TrySetResult()), response => response.Url.EndsWith("limit=100", StringComparison.Ordinal));
        await Assertions.Expect(tab.Page.Locator(".pill.device")).ToBeVisibleAsync();
        await Assertions.Expect(items).ToHaveCountAsync(1);
    }

    [Fact]
    public async Task A_library_of_a_thousand_songs_scrolls_to_its_end()
    {
        const int Songs = 1_000;
        const int PageSize = 100;
        var service = await studio.ServiceAsync();
        var job = JsonNode.Parse((await service.JobAsync(await studio.SongAsync())).GetRawText())!;
        await using var tab = await studio.OpenAsync(service, path: null);
        await tab.Page.RouteAsync("**/v1/songs?limit=*", async route =>
        {
            var cursor = System.Web.HttpUtility.ParseQueryString(new Uri(route.Request.Url).Query)["cursor"] ?? "0";
            var first = int.Parse(cursor, CultureInfo.InvariantCulture);
            var page = Enumerable.Range(first, PageSize).Select(number =>
            {
                var song = job.DeepClone();
                (song["id"], song["title"], song["group"]) = ($"{number:x32}", $"Song {number}", null);
                return song;
            });
            var next = first + PageSize < Songs ? (first + PageSize).ToString(CultureInfo.InvariantCulture) : null;
            var body = new JsonObject { ["songs"] = new JsonArray([.. page]), ["next_cursor"] = next };
            await route.FulfillAsync(new() { ContentType = "application/json", Body = body.ToJsonString() });
        });
        await tab.Page.GotoAsync("/");
        var items = tab.Page.Locator(".item");
        await Assertions.Expect(items.First).ToBeVisibleAsync();
        while (await items.CountAsync() < Songs)
        {
            var before = await items.CountAsync();
            await tab.Page.Locator(".list-end").ScrollIntoViewIfNeededAsync();
            await tab.Page.WaitForFunctionAsync("count => document.querySelectorAll('.item').length > count", before);
        }

        await items.Last.ScrollIntoViewIfNeededAsync();
        await Assertions.Expect(items.Last).ToBeInViewportAsync();
        await Assertions.Expect(tab.Page.GetByRole(AriaRole.Searchbox)).ToBeInViewportAsync();
        await Assertions.Expect(tab.Library.GetByRole(AriaRole.Heading, new() { Name = "Library" })).ToBeInViewportAsync();
        await Assertions.Expect(items.Last.Locator("b")).ToHaveTextAsync($"Song {Songs - 1}");
        var paint = await tab.Page.EvaluateAsync<double>(
            "() => new Promise(done => requestAnimationFrame(start => requestAnimationFrame(end => done(end - start))))");
        Assert.InRange(paint, 0, 1_000);
    }

    [Fact]
    public async Task A_reload_and_a_restart_in_the_middle_of_a_song_lose_nothing()
    {
        await studio.ServiceAsync();
        await using var service = await ServiceProcess.StartAsync();
        await SingTreeAsync(service);
        await using var tab = await studio.OpenAsync(service);
        tab.Expected = "Failed to load resource";
        await ExpectTreeAsync(tab, Tree);
        var words = tab.Form.GetByLabel("Words of verse");
        await words.FillAsync("One for the road");
        await tab.WriteShortSongAsync(secondsPerSection: 5);
        await tab.Sing.ClickAsync();
        var id = await tab.SongIdAsync();
        await Assertions.Expect(tab.Page.GetByRole(AriaRole.Button, new() { Name = "Cancel", Exact = true })).ToBeVisibleAsync();
        await tab.Page.ReloadAsync();
        await Assertions.Expect(tab.Song.GetByRole(AriaRole.Heading, new() { Name = "One for the road" })).ToBeVisibleAsync();
        await Assertions.Expect(words).ToHaveValueAsync("One for the road");

        await service.KillAsync();
        await Assertions.Expect(tab.Page.GetByText("Reconnecting")).ToBeVisibleAsync();
        await service.StartAsync();
        await Assertions.Expect(tab.Actions).ToBeVisibleAsync();
        Assert.Equal("succeeded", (await service.JobAsync(id)).GetProperty("state").GetString());
        await tab.PlayButton.ClickAsync();
        await tab.HearAsync();
        await tab.Page.ReloadAsync();
        await ExpectTreeAsync(tab, ["1 One for the road", .. Tree]);
    }

    /// <summary>Makes two takes of a song, a remake of the second take, and a continuation of the remake.</summary>
    private static async Task SingTreeAsync(ServiceProcess service)
    {
        using var response = await service.Client.PostAsJsonAsync(
            "/v1/songs",
            new { lyrics = "[verse]\nAcorn", genre = "folk", target_seconds = 1, takes = 2, seed = 5 },
            TestContext.Current.CancellationToken);
        var made = await response.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
        var take = made.GetProperty("takes")[1].GetProperty("id").GetString();
        await Eventually.TrueAsync(async () => (await service.JobAsync(take!)).GetProperty("state").GetString() == "succeeded");
        var remake = await service.SingAsync(new
        {
            continue_from = take,
            replace_section = 1,
            lyrics = "[verse]\nSapling",
            target_seconds = 1,
        });
        await service.SingAsync(new
        {
            continue_from = remake.GetProperty("id").GetString(),
            lyrics = "[verse]\nSapling\n\n[chorus]\nOak",
            title = "Oak",
            run_n_segments = 1,
            target_seconds = 1,
        });
    }

    /// <summary>Waits until the library lists the given songs, each written as its level and title.</summary>
    private static async Task ExpectTreeAsync(StudioTab tab, string[] tree)
    {
        var items = tab.Page.Locator(".list .item");
        await Assertions.Expect(items.Locator(".pick b")).ToHaveTextAsync(tree.Select(line => line[2..]));
        Assert.Equal(
            tree.Select(line => line[..1]),
            await items.EvaluateAllAsync<string[]>("items => items.map(item => item.getAttribute('aria-level'))"));
        var edges = await items.EvaluateAllAsync<double[]>("items => items.map(item => item.getBoundingClientRect().left)");
        Assert.Equal(tree.Select(line => line[..1]).Distinct().Count(), edges.Distinct().Count());
    }

    [Fact]
    public async Task A_song_waits_its_turn_and_is_cancelled_and_a_full_queue_is_explained()
    {
        await studio.ServiceAsync();
        await using var service = await ServiceProcess.StartSimulatedAsync(("YUE_QUEUE_CAPACITY", "1"));
        var running = await service.QueueAsync(new { lyrics = "[verse]\nLa", seed = ServiceProcess.HoldingSeed });
        await Eventually.TrueAsync(async () => (await service.JobAsync(running)).GetProperty("state").GetString() == "running");
        await using var tab = await studio.OpenAsync(service);
        tab.Expected = "Failed to load resource";
        await tab.Sing.ClickAsync();
        await Assertions.Expect(tab.Song.GetByText("Next in line", new() { Exact = true })).ToBeVisibleAsync();
        await tab.CheckAccessibilityAsync("a song that is waiting");
        await tab.Sing.ClickAsync();
        await Assertions.Expect(tab.Form.GetByRole(AriaRole.Alert)).ToContainTextAsync("queue");
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Cancel", Exact = true }).ClickAsync();
        await Assertions.Expect(tab.Song.GetByText("Cancelled.")).ToBeVisibleAsync();
        await tab.CheckAccessibilityAsync("a cancelled song");
        await tab.Page.Locator(".item", new() { HasText = "singing" }).Locator(".pick").ClickAsync();
        await tab.CheckAccessibilityAsync("a song that is being sung");
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Cancel", Exact = true }).ClickAsync();
        await Assertions.Expect(tab.Song.GetByText("Cancelled.")).ToBeVisibleAsync();
    }
}
