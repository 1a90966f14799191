using System.Net;
using Xunit;
using YueService.Tests.Fakes;

namespace YueService.Tests.Jobs;

/// <summary>Tests many concurrent clients, random headers and queries, and the removal of many jobs.</summary>
public sealed class LoadTests
{
    [Fact]
    public async Task Two_hundred_concurrent_clients_each_get_a_song_or_a_429()
    {
        await using var app = YueApp.OnSocket();
        var stage = new StagedEngine(app.Engine) { RunsFreely = true };
        using var client = app.CreateClient();
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 200).Select(async i =>
        {
            using var response = i % 2 == 0
                ? await client.PredictAsync($$"""{"lyrics":"song {{i}}"}""")
                : await client.PostSongAsync($$"""{"lyrics":"song {{i}}"}""");
            if (response.StatusCode == HttpStatusCode.TooManyRequests)
            {
                Assert.True(response.Headers.RetryAfter!.Delta >= TimeSpan.FromSeconds(1));
                return "";
            }

            if (response.StatusCode == HttpStatusCode.Accepted)
            {
                return response.Headers.Location!.ToString();
            }

            await response.SongAsync();
            return "song";
        }));
        foreach (var job in outcomes.Where(outcome => outcome.StartsWith('/')))
        {
            await client.WhenAsync(job, "succeeded");
        }

        Assert.Equal(outcomes.Count(outcome => outcome.Length > 0), app.Engine.Requests.Count);
        using var later = await client.PredictAsync("""{"lyrics":"la"}""");
        await later.SongAsync();
    }

    [Fact]
    public async Task No_header_or_query_causes_a_500()
    {
        await using var app = new YueApp(("Serilog:MinimumLevel:Default", "Warning"));
        using var client = app.CreateClient();
        var job = await client.SubmitAsync("one");
        await client.WhenAsync(job, "succeeded");
        string[] paths = [job, job + "/audio", job + "/stream", job + "/events", "/v1/songs", "/v1/models", "/v1/songs/x", "/health"];
        string[] names =
            ["Last-Event-ID", "Range", "If-Range", "If-None-Match", "Accept", "Prefer", "Authorization", "Idempotency-Key", "traceparent"];
        string[] values =
        [
            "", "bytes=0-", "bytes=-1", "bytes=9999999999999999999-", "bytes=5-2,1-",
            "\"", "W/\"x\"", "*", "end", "-1", "a-9999999999999999999",
            "audio/*;q=2", ";;;", "respond-async, handling=strict", "Bearer", "00-0-0-0", "%00", "é", new('x', 4000),
        ];
        var random = new Random(7);
        for (var i = 0; i < 3000; i++)
        {
            var query = random.Next(3) == 0
                ? ""
                : $"?{Pick("track", "format", "limit", "cursor", "x")}={Uri.EscapeDataString(Pick(values))}";
            using var request = new HttpRequestMessage(
                new HttpMethod(Pick("GET", "GET", "HEAD", "POST", "PUT", "OPTIONS")), Pick(paths) + query);
            for (var header = random.Next(4); header > 0; header--)
            {
                request.Headers.TryAddWithoutValidation(Pick(names), Pick(values));
            }

            using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
            Assert.True((int)response.StatusCode < 500, $"{i}: {response.StatusCode} for {request}");
        }

        string Pick(params string[] from) => from[random.Next(from.Length)];
    }

    [Fact]
    public async Task Removed_jobs_leave_no_files_and_no_list_entries()
    {
        await using var app = new YueApp(("Serilog:MinimumLevel:Default", "Warning"));
        using var client = app.CreateClient();
        for (var i = 0; i < 50; i++)
        {
            var job = await client.SubmitAsync($"song {i}");
            await client.WhenAsync(job, "succeeded");
            using var removed = await client.DeleteAsync(job, TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
        }

        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(app.StateFolder, "songs")));
        Assert.Equal(0, (await client.GetJsonAsync("/v1/songs")).GetProperty("songs").GetArrayLength());
    }
}
