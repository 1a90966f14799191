using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using Xunit;

namespace YueService.Browser.Tests;

/// <summary>Tests what the page shows, and what the user can do, if a song fails or is rejected.</summary>
public sealed partial class FailureTests(Studio studio)
{
    [Fact]
    public async Task A_failed_song_can_be_sung_again_with_the_same_request()
    {
        const int FailingSeed = 401;
        await studio.ServiceAsync();
        await using var service = await ServiceProcess.StartSimulatedAsync(("FAKE_FAILING_SEED", $"{FailingSeed}"));
        var id = await service.QueueAsync(new { lyrics = ShortSong.Lyrics, genre = "folk", title = "Paper boats", seed = FailingSeed });
        await using var tab = await studio.OpenAsync(service, $"/#song={id}");
        tab.Expected = "Failed to load resource";
        var state = tab.Page.Locator(".state.bad");
        await Assertions.Expect(state).ToContainTextAsync("This song failed. Other songs are not affected.");
        await Assertions.Expect(state).ToContainTextAsync($"Job {id}");
        var sent = await tab.Page.RunAndWaitForRequestAsync(
            () => state.GetByRole(AriaRole.Button, new() { Name = "Sing it again" }).ClickAsync(),
            request => request.Method == "POST" && request.Url.EndsWith("/v1/songs", StringComparison.Ordinal));
        var request = (await service.JobAsync(id)).GetProperty("request");
        Assert.True(JsonElement.DeepEquals(request, JsonElement.Parse(sent.PostData!)), $"{request}\n{sent.PostData}");
        await tab.Page.WaitForFunctionAsync("id => location.hash.startsWith('#song=') && !location.hash.endsWith(id)", id);
        await Assertions.Expect(tab.Page.Locator(".unsung summary")).ToHaveTextAsync("2 failed");
    }

    [Fact]
    public async Task The_page_says_when_to_try_again_after_the_rate_limit_is_reached()
    {
        await studio.ServiceAsync();
        await using var service = await ServiceProcess.StartSimulatedAsync(("YUE_RATE_LIMIT_PER_MINUTE", "1"));
        await using var tab = await studio.OpenAsync(service);
        tab.Expected = "Failed to load resource";
        await tab.Sing.ClickAsync();
        await tab.SongIdAsync();
        await tab.Sing.ClickAsync();
        var alert = tab.Page.Locator(".sing [role=alert]");
        await Assertions.Expect(alert).ToHaveTextAsync(RateLimited());
        await tab.CheckAccessibilityAsync("over the rate limit");
    }

    [GeneratedRegex(@"^Too many requests\. The limit on songs per minute has been reached\. Try again in \d+ s\.$")]
    private static partial Regex RateLimited();
}
