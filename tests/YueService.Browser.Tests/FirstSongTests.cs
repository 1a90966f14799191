using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Playwright;
using Xunit;

namespace YueService.Browser.Tests;

/// <summary>Tests a new user's first song, and the size, the speed and the headers of the page.</summary>
public sealed class FirstSongTests(Studio studio)
{
    private const int MaxRequests = 25;
    private const int MaxBytes = 100_000;

    [Fact]
    public async Task One_click_on_an_empty_page_plays_sound_before_the_song_is_finished()
    {
        await using var service = await StartAsync();
        await using var tab = await studio.OpenAsync(service);
        await Assertions.Expect(tab.Song.GetByRole(AriaRole.Heading, new() { Name = "Write it. Press Sing. Listen." })).ToBeVisibleAsync();
        await tab.CheckAccessibilityAsync("empty");

        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Sing this song" }).ClickAsync();
        await tab.HearAsync();
        var id = await tab.SongIdAsync();
        Assert.Equal("running", (await service.JobAsync(id)).GetProperty("state").GetString());

        // The received part can be replayed while the rest is being made.
        await tab.PlayButton.ClickAsync();
        await tab.HearNothingAsync();
        await tab.Song.GetByRole(AriaRole.Slider, new() { Name = "Position in the song" }).PressAsync("Home");
        await tab.PlayButton.ClickAsync();
        await tab.HearAsync();
        await tab.PlayButton.ClickAsync();
        await tab.HearNothingAsync();

        await Assertions.Expect(tab.Actions).ToBeVisibleAsync();

        // The finished song is requested only when playback starts again after the pause.
        Assert.Single(tab.Requests, IsStream);
        await tab.Page.RunAndWaitForRequestAsync(() => tab.PlayButton.ClickAsync(), IsStream);
        await tab.HearAsync();

        var longest = (await tab.Page.EvaluateAsync<double[]>("() => longTasks")).DefaultIfEmpty().Max();
        Assert.InRange(longest, 0, GenerousLimit(100));
        var job = await service.JobAsync(id);
        Assert.Equal("[verse]\nStaring at the sunset\n\n[chorus]\nEvery road you take", job.GetProperty("lyrics").GetString());
        Assert.Equal("bright pop piano female 100 bpm", job.GetProperty("genre").GetString());
    }

    [Fact]
    public async Task The_page_is_small_and_fast_and_loads_nothing_from_other_hosts()
    {
        var service = await studio.ServiceAsync();
        await studio.SongAsync();
        await using var tab = await studio.OpenAsync(service);
        await Assertions.Expect(tab.Page.Locator(".item").First).ToBeVisibleAsync();
        await tab.Page.WaitForLoadStateAsync(LoadState.Load);
        var requests = tab.Requests.ToList();
        var addresses = requests.ConvertAll(request => request.Url);
        Assert.True(addresses.Count <= MaxRequests, $"{addresses.Count} requests:\n{string.Join('\n', addresses)}");
        Assert.All(addresses, address => Assert.StartsWith(service.Address.ToString(), address, StringComparison.Ordinal));
        Assert.DoesNotContain(addresses, address => address.Contains("score", StringComparison.Ordinal));

        const string Sizes = "() => performance.getEntries().filter(e => 'encodedBodySize' in e && !e.name.includes('/v1/'))"
            + ".map(e => e.encodedBodySize)";
        var bytes = (await tab.Page.EvaluateAsync<int[]>(Sizes)).Sum();
        Assert.InRange(bytes, 10_000, MaxBytes);
        var paint = await tab.Page.EvaluateAsync<double>("() => performance.getEntriesByName('first-contentful-paint')[0].startTime");
        Assert.InRange(paint, 1, GenerousLimit(800));
    }

    [Fact]
    public async Task The_page_has_the_right_headers_and_content_policy()
    {
        var service = await studio.ServiceAsync();
        using var response = await service.Client.GetAsync(new Uri("/", UriKind.Relative), TestContext.Current.CancellationToken);
        var html = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        var map = html.Split("<script type=\"importmap\">")[1].Split("</script>")[0];
        var hash = Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(map)));
        Assert.Equal(
            [
                "default-src 'none'", $"script-src 'self' 'sha256-{hash}'", "style-src 'self'", "connect-src 'self'",
                "img-src 'self' data:", "media-src 'self' blob:", "frame-src 'self'", "base-uri 'none'", "form-action 'none'",
                "frame-ancestors 'none'",
            ],
            Assert.Single(response.Headers.GetValues("Content-Security-Policy")).Split("; "));
        Assert.Equal("nosniff", Assert.Single(response.Headers.GetValues("X-Content-Type-Options")));
        Assert.Equal("text/html", response.Content.Headers.ContentType!.MediaType);
        Assert.NotNull(response.Headers.ETag);
        using var post = await service.Client.PostAsync(new Uri("/", UriKind.Relative), null, TestContext.Current.CancellationToken);
        Assert.Equal("urn:yue:not-found", JsonDocument.Parse(await post.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))
            .RootElement.GetProperty("type").GetString());
    }

    private static bool IsStream(IRequest request) => request.Url.EndsWith("/stream?format=pcm&track=mix", StringComparison.Ordinal);

    /// <summary>Returns a generous limit, because other programs may use the cores. <see cref="BudgetTests"/> has the strict
    /// limits.</summary>
    private static double GenerousLimit(double milliseconds) => milliseconds * 5;

    private async Task<ServiceProcess> StartAsync()
    {
        await studio.ServiceAsync();
        return await ServiceProcess.StartAsync();
    }
}
