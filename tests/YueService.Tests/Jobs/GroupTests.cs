using System.Net;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Xunit;
using Yue.Engine.Songs;
using Yue.Testing;
using YueService.Jobs;
using YueService.Tests.Fakes;

namespace YueService.Tests.Jobs;

/// <summary>Tests several takes of one request.</summary>
public sealed class GroupTests : IDisposable
{
    private readonly TemporaryFolder _state = new();

    public void Dispose() => _state.Dispose();

    [Fact]
    public async Task Takes_are_jobs_with_consecutive_seeds_in_a_group()
    {
        await using var app = App();
        using var client = app.CreateClient();
        using var response = await client.PostSongAsync("""{"lyrics":"la","takes":3,"seed":7,"client_job_id":"mine","sead":1}""");
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        var path = response.Headers.Location!.ToString();
        var created = await response.JsonAsync();
        Assert.Equal(path, created.GetProperty("links").GetProperty("self").GetString());
        Assert.Contains("unknown field sead", Assert.Single(created.GetProperty("warnings").Strings()), StringComparison.Ordinal);
        Assert.Equal([7, 8, 9], Takes(created).Select(take => take.GetProperty("seed").GetInt64()));

        var group = await client.WhenAsync(path, "succeeded");
        Assert.Equal(created.GetProperty("id").GetString(), group.GetProperty("id").GetString());
        Assert.Equal(Takes(created).Select(IdOf), Takes(group).Select(IdOf));
        foreach (var take in Takes(group))
        {
            var job = await client.GetJsonAsync(take.GetProperty("links").GetProperty("self").GetString()!);
            Assert.Equal(
                (take.GetProperty("seed").GetInt64(), "mine", take.GetProperty("take").GetInt32(), group.GetProperty("id").GetString()),
                (job.GetProperty("song").GetProperty("seed").GetInt64(), job.GetProperty("client_job_id").GetString(),
                    job.GetProperty("group").GetProperty("take").GetInt32(), job.GetProperty("group").GetProperty("id").GetString()));
            Assert.Equal(take.GetProperty("seed").GetInt64(), job.GetProperty("request").GetProperty("seed").GetInt64());
            Assert.NotEmpty(await client.GetByteArrayAsync(
                take.GetProperty("links").GetProperty("audio").GetString(), TestContext.Current.CancellationToken));
        }

        Assert.Equal([7L, 8L, 9L], app.Engine.Requests.Select(request => request.Seed).Order());
        var listed = (await client.GetJsonAsync("/v1/songs")).GetProperty("songs").EnumerateArray();
        Assert.Equal([3, 2, 1], listed.Select(job => job.GetProperty("group").GetProperty("take").GetInt32()));
    }

    [Theory]
    [InlineData("")]
    [InlineData(""","takes":1""")]
    [InlineData(""","takes":null""")]
    public async Task One_take_is_a_song_without_a_group(string takes)
    {
        await using var app = App();
        using var client = app.CreateClient();
        using var response = await client.PostSongAsync($$"""{"lyrics":"la"{{takes}}}""");
        Assert.StartsWith("/v1/songs/", response.Headers.Location!.ToString(), StringComparison.Ordinal);
        var job = await response.JsonAsync();
        Assert.False(job.TryGetProperty("group", out _));
        Assert.False(job.GetProperty("request").TryGetProperty("takes", out _));
        Assert.Empty(job.GetProperty("warnings").Strings());
    }

    [Theory]
    [InlineData(""","takes":0""", "takes", "from 1 to 8")]
    [InlineData(""","takes":9""", "takes", "from 1 to 8")]
    [InlineData(""","takes":"2" """, "takes", "from 1 to 8")]
    [InlineData(""","takes":2,"seed":9223372036854775807""", "seed", "send a seed of at most 9223372036854775806")]
    [InlineData(""","takes":8,"seed":9223372036854775801""", "seed", "send a seed of at most 9223372036854775800")]
    [InlineData(""","takes":2,"stage":"finish","continue_from":"00000000000000000000000000000000" """, "continue_from", "")]
    [InlineData(""","takes":5""", "takes", "send at most 4")]
    public async Task An_invalid_group_request_causes_a_422_that_names_the_field(string fields, string field, string expected)
    {
        await using var app = App(("Yue:QueueCapacity", "4"));
        using var client = app.CreateClient();
        using var response = await client.PostSongAsync($$"""{"lyrics":"la"{{fields}}}""");
        Assert.Contains(expected, (await response.FieldErrorsAsync())[field], StringComparison.Ordinal);
        Assert.Empty((await client.GetJsonAsync("/v1/songs")).GetProperty("songs").EnumerateArray());
    }

    [Fact]
    public async Task The_largest_seeds_are_supported()
    {
        await using var app = App();
        using var client = app.CreateClient();
        using var response = await client.PostSongAsync("""{"lyrics":"la","takes":8,"seed":9223372036854775800}""");
        Assert.Equal(long.MaxValue, Takes(await response.JsonAsync()).Last().GetProperty("seed").GetInt64());
    }

    [Theory]
    [InlineData("/predict", """{"lyrics":"la","takes":2}""", null)]
    [InlineData("/predict", """{"lyrics":"la","takes":2}""", "respond-async")]
    [InlineData("/v1/audio/speech", """{"input":"la","takes":2}""", null)]
    public async Task Takes_on_single_song_endpoints_cause_a_422_that_names_the_right_endpoint(string path, string body, string? prefer)
    {
        await using var app = App();
        using var client = app.CreateClient();
        if (prefer is not null)
        {
            client.DefaultRequestHeaders.Add("Prefer", prefer);
        }

        using var response = await client.PostSongAsync(body, path: path);
        Assert.Contains("POST /v1/songs", (await response.FieldErrorsAsync())["takes"], StringComparison.Ordinal);
        using var one = await client.PostSongAsync(body.Replace('2', '1'), path: path);
        Assert.True(one.IsSuccessStatusCode);
    }

    [Fact]
    public async Task An_idempotency_key_returns_its_group_as_long_as_a_take_exists()
    {
        await using var app = App();
        using var client = app.CreateClient();
        const string Body = """{"lyrics":"la","takes":2}""";
        var tries = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => client.PostSongAsync(Body, key: "k")));
        Assert.All(tries, response => Assert.Equal(HttpStatusCode.Accepted, response.StatusCode));
        var path = Assert.Single(tries.Select(response => response.Headers.Location!.ToString()).Distinct());
        var group = await client.WhenAsync(path, "succeeded");
        Assert.Equal(2, app.Engine.Requests.Count);

        using var other = await client.PostSongAsync("""{"lyrics":"la"}""", key: "k");
        await other.ProblemAsync(HttpStatusCode.UnprocessableEntity, "urn:yue:idempotency-key-reused");
        using var elsewhere = await AsyncPredictAsync(client, Body, key: "k");
        Assert.Contains("POST /v1/songs", (await elsewhere.FieldErrorsAsync())["takes"], StringComparison.Ordinal);
        using var single = await client.PostSongAsync("""{"lyrics":"la"}""", key: "single");
        using var many = await client.PostSongAsync(Body, key: "single");
        await many.ProblemAsync(HttpStatusCode.UnprocessableEntity, "urn:yue:idempotency-key-reused");

        await RemoveAsync(client, Takes(group).First());
        using var again = await client.PostSongAsync(Body, key: "k");
        Assert.Equal(path, again.Headers.Location!.ToString());
        Assert.Equal(2, Assert.Single(Takes(await again.JsonAsync())).GetProperty("take").GetInt32());

        await RemoveAsync(client, Takes(group).Last());
        using var gone = await client.GetAsync(path, TestContext.Current.CancellationToken);
        await gone.ProblemAsync(HttpStatusCode.NotFound, "urn:yue:not-found");
        using var fresh = await client.PostSongAsync(Body, key: "k");
        Assert.NotEqual(path, fresh.Headers.Location!.ToString());
    }

    [Fact]
    public async Task A_group_needs_queue_slots_for_all_its_takes()
    {
        await using var app = App(("Yue:QueueCapacity", "3"));
        var stage = new StagedEngine(app.Engine);
        using var client = app.CreateClient();
        await client.WhenAsync(await client.SubmitAsync("running"), "running");
        await client.SubmitAsync("waiting");
        using var refused = await client.PostSongAsync("""{"lyrics":"la","takes":3}""", key: "k");
        await refused.ProblemAsync(HttpStatusCode.TooManyRequests, "urn:yue:queue-full");
        Assert.NotNull(refused.Headers.RetryAfter);
        Assert.Equal(2, (await client.GetJsonAsync("/v1/songs")).GetProperty("songs").GetArrayLength());

        using var taken = await client.PostSongAsync("""{"lyrics":"la","takes":2}""", key: "k");
        Assert.Equal(HttpStatusCode.Accepted, taken.StatusCode);
        Assert.Equal(3, app.Services.GetRequiredService<JobOrder>().Depth);
        stage["running"].Finish();
    }

    [Fact]
    public async Task The_rate_limit_counts_every_take()
    {
        await using var app = App(("Yue:RateLimitPerMinute", "4"));
        using var client = app.CreateClient();
        using var tooMany = await client.PostSongAsync("""{"lyrics":"la","takes":5}""");
        Assert.Contains("send at most 4", (await tooMany.FieldErrorsAsync())["takes"], StringComparison.Ordinal);
        using var three = await client.PostSongAsync("""{"lyrics":"la","takes":3}""");
        Assert.Equal(HttpStatusCode.Accepted, three.StatusCode);
        using var refused = await client.PostSongAsync("""{"lyrics":"la"}""");
        await refused.ProblemAsync(HttpStatusCode.TooManyRequests, "urn:yue:rate-limited");
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
    }

    [Fact]
    public async Task A_group_beyond_the_rate_limit_causes_a_429_and_none_of_its_takes_is_queued()
    {
        await using var app = App(("Yue:RateLimitPerMinute", "4"));
        using var client = app.CreateClient();
        using var two = await client.PostSongAsync("""{"lyrics":"la","takes":2}""");
        Assert.Equal(HttpStatusCode.Accepted, two.StatusCode);
        using var refused = await client.PostSongAsync("""{"lyrics":"la","takes":3}""");
        await refused.ProblemAsync(HttpStatusCode.TooManyRequests, "urn:yue:rate-limited");
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
        Assert.Equal(2, (await client.GetJsonAsync("/v1/songs")).GetProperty("songs").GetArrayLength());
    }

    [Fact]
    public async Task Cancelling_a_group_ends_its_unfinished_takes_and_keeps_finished_ones()
    {
        await using var app = App();
        var stage = new StagedEngine(app.Engine);
        using var client = app.CreateClient();
        using var response = await client.PostSongAsync("""{"lyrics":"la","takes":4}""");
        var path = response.Headers.Location!.ToString();
        Assert.Contains((await client.GetJsonAsync(path)).GetProperty("state").GetString(), new[] { "queued", "running" });
        stage["la"].Finish();
        await StatesAsync(client, path, "succeeded", "running", "queued", "queued");
        Assert.Equal("running", await client.StateAsync(path));

        using var cancelled = await client.DeleteAsync(path, TestContext.Current.CancellationToken);
        Assert.Contains(cancelled.StatusCode, new[] { HttpStatusCode.OK, HttpStatusCode.Accepted });
        await StatesAsync(client, path, "succeeded", "cancelled", "cancelled", "cancelled");
        Assert.Equal("succeeded", await client.StateAsync(path));
        using var again = await client.DeleteAsync(path, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, again.StatusCode);
        Assert.Equal(4, Takes(await again.JsonAsync()).Count());
        Assert.Equal(2, stage.Ended);
    }

    [Fact]
    public async Task A_failed_take_does_not_affect_the_others()
    {
        await using var app = App();
        app.Engine.Sing = (request, _, _) => request.Seed == 43
            ? Task.FromException<SongResult>(new SongRequestException("not this one"))
            : Task.FromResult(FakeSongEngine.Song(request));
        using var client = app.CreateClient();
        using var response = await client.PostSongAsync("""{"lyrics":"la","takes":3}""");
        var path = response.Headers.Location!.ToString();
        await StatesAsync(client, path, "succeeded", "failed", "succeeded");
        var group = await client.GetJsonAsync(path);
        Assert.Equal("succeeded", group.GetProperty("state").GetString());
        Assert.Equal("not this one", Takes(group).ElementAt(1).GetProperty("error").GetProperty("detail").GetString());
    }

    [Fact]
    public async Task A_group_survives_a_restart()
    {
        string path;
        const string Body = """{"lyrics":"la","takes":3,"seed":5}""";
        await using (var app = App())
        {
            var stage = new StagedEngine(app.Engine);
            using var client = app.CreateClient();
            using var response = await client.PostSongAsync(Body, key: "k");
            path = response.Headers.Location!.ToString();
            stage["la"].Finish();
            await StatesAsync(client, path, "succeeded", "running", "queued");
            app.Services.GetRequiredService<JobSignals>().Stop();
            ((IDisposable)app.Services.GetRequiredService<IJobLog>()).Dispose();
        }

        await using (var app = App())
        {
            using var client = app.CreateClient();
            var group = await client.WhenAsync(path, "succeeded");
            Assert.Equal([5L, 6L, 7L], Takes(group).Select(take => take.GetProperty("seed").GetInt64()));
            Assert.Equal([6L, 7L], app.Engine.Requests.Select(request => request.Seed));
            using var again = await client.PostSongAsync(Body, key: "k");
            Assert.Equal(path, again.Headers.Location!.ToString());
        }
    }

    [Fact]
    public async Task A_group_that_cannot_be_stored_causes_a_503_and_frees_its_slots()
    {
        await using var app = App(("Yue:QueueCapacity", "2"));
        using var client = app.CreateClient();
        await client.GetJsonAsync("/v1/songs");
        using (var locker = new SqliteConnection($"Data Source={_state["jobs.db"]};Pooling=False"))
        {
            locker.Open();
            using var transaction = locker.BeginTransaction();
            using var refused = await client.PostSongAsync("""{"lyrics":"la","takes":2}""");
            await refused.ProblemAsync(HttpStatusCode.ServiceUnavailable, "urn:yue:storage-unavailable");
        }

        using var taken = await client.PostSongAsync("""{"lyrics":"la","takes":2}""");
        await client.WhenAsync(taken.Headers.Location!.ToString(), "succeeded");
    }

    [Theory]
    [InlineData("0123456789abcdef0123456789abcdef")]
    [InlineData("..%2f..")]
    public async Task An_unknown_group_causes_a_404(string id)
    {
        await using var app = App();
        using var client = app.CreateClient();
        using var shown = await client.GetAsync($"/v1/groups/{id}", TestContext.Current.CancellationToken);
        await shown.ProblemAsync(HttpStatusCode.NotFound, "urn:yue:not-found");
        using var cancelled = await client.DeleteAsync($"/v1/groups/{id}", TestContext.Current.CancellationToken);
        await cancelled.ProblemAsync(HttpStatusCode.NotFound, "urn:yue:not-found");
    }

    private YueApp App(params (string, string)[] settings) => new([("Yue:StateFolder", _state.Path), .. settings]);

    private static IEnumerable<JsonElement> Takes(JsonElement group) => group.GetProperty("takes").EnumerateArray();

    private static string IdOf(JsonElement take) => take.GetProperty("id").GetString()!;

    private static Task StatesAsync(HttpClient client, string group, params string[] states) => Eventually.TrueAsync(
        async () => Takes(await client.GetJsonAsync(group)).Select(take => take.GetProperty("state").GetString()).SequenceEqual(states));

    private static async Task RemoveAsync(HttpClient client, JsonElement take)
    {
        using var removed = await client.DeleteAsync($"/v1/songs/{IdOf(take)}", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
    }

    private static Task<HttpResponseMessage> AsyncPredictAsync(HttpClient client, string body, string key)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/predict")
        {
            Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("Prefer", "respond-async");
        request.Headers.Add("Idempotency-Key", key);
        return client.SendAsync(request, TestContext.Current.CancellationToken);
    }
}
