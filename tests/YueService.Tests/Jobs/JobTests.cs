using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Xunit;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using Yue.Testing;
using YueService.Jobs;
using YueService.Tests.Fakes;

namespace YueService.Tests.Jobs;

/// <summary>Tests submitting, showing, listing and cancelling songs.</summary>
public sealed class JobTests : IDisposable
{
    private readonly YueApp _app = new(("Yue:QueueCapacity", "2"));
    private readonly StagedEngine _stage;
    private readonly HttpClient _client;

    public JobTests()
    {
        _stage = new(_app.Engine);
        _client = _app.CreateClient();
    }

    public void Dispose()
    {
        _client.Dispose();
        _app.Dispose();
    }

    [Fact]
    public async Task A_job_goes_from_queued_to_running_to_succeeded()
    {
        var first = await _client.SubmitAsync("one");
        var second = await _client.SubmitAsync("two", ""","client_job_id":"mine","seed":7,"sead":1""");
        await _client.WhenAsync(first, "running");
        var queued = await _client.GetJsonAsync(second);
        Assert.Equal(("queued", 1), (queued.GetProperty("state").GetString(), queued.GetProperty("queue_position").GetInt32()));
        Assert.Equal(("two", "mine"), (queued.GetProperty("lyrics").GetString(), queued.GetProperty("client_job_id").GetString()));

        _stage["one"].Report(new(SongStage.Stage1, 2, 2, 50, 100, 0.5));
        await Eventually.TrueAsync(() => ProgressOf(first).Result.GetProperty("tokens").GetInt64() == 50);
        var progress = await ProgressOf(first);
        Assert.Equal(("stage1", 2, 2), (
            progress.GetProperty("stage").GetString(), progress.GetProperty("section").GetInt32(),
            progress.GetProperty("sections").GetInt32()));
        Assert.Equal(50, progress.GetProperty("percent").GetDouble());
        Assert.True((await _client.GetJsonAsync(first)).GetProperty("estimated_seconds_left").GetDouble() >= 0);

        _stage["one"].Finish();
        _stage["two"].Finish();
        var song = (await _client.WhenAsync(second, "succeeded")).GetProperty("song");
        Assert.Equal((7L, 44100), (song.GetProperty("seed").GetInt64(), song.GetProperty("sample_rate").GetInt32()));
        Assert.Contains("unknown field sead", song.GetProperty("warnings")[0].GetString(), StringComparison.Ordinal);
        Assert.Equal(["mix"], song.GetProperty("tracks").Strings());
    }

    [Fact]
    public async Task A_row_read_before_its_job_ended_still_shows_the_job_as_running()
    {
        var job = await _client.SubmitAsync("one");
        await _client.WhenAsync(job, "running");
        var read = await _app.Services.GetRequiredService<JobStore>()
            .FindAsync(Path.GetFileName(job), TestContext.Current.CancellationToken);
        _stage["one"].Finish();
        await _client.WhenAsync(job, "succeeded");
        Assert.Null(read!.Job.Song);
        Assert.Equal(JobState.Running, read.State);
    }

    [Fact]
    public async Task Prefer_respond_async_turns_a_predict_request_into_a_job()
    {
        using var response = await _client.PredictAsync("""{"lyrics":"one"}""", request => request.Headers.Add("Prefer", "respond-async"));
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        Assert.Equal(["respond-async"], response.Headers.GetValues("Preference-Applied"));
        _stage["one"].Finish();
        await _client.WhenAsync(response.Headers.Location!.ToString(), "succeeded");
    }

    [Fact]
    public async Task Waiting_callers_and_jobs_share_the_queue_in_order_of_arrival()
    {
        var first = await _client.SubmitAsync("one");
        await _client.WhenAsync(first, "running");
        var waiting = _client.PredictAsync("""{"lyrics":"two"}""");
        await Eventually.TrueAsync(() => _app.Services.GetRequiredService<JobOrder>().Depth == 1);
        var third = await _client.SubmitAsync("three");
        Assert.Equal(2, (await _client.GetJsonAsync(third)).GetProperty("queue_position").GetInt32());

        using var refused = await _client.PostSongAsync("""{"lyrics":"four"}""");
        await refused.ProblemAsync(HttpStatusCode.TooManyRequests, "urn:yue:queue-full");
        Assert.True(refused.Headers.RetryAfter!.Delta >= TimeSpan.FromSeconds(1));
        using var refusedToo = await _client.PredictAsync("""{"lyrics":"five"}""");
        await refusedToo.ProblemAsync(HttpStatusCode.TooManyRequests, "urn:yue:queue-full");

        _stage["one"].Finish();
        _stage["two"].Finish();
        (await (await waiting).SongAsync()).GetProperty("lyrics");
        _stage["three"].Finish();
        await _client.WhenAsync(third, "succeeded");
        Assert.Equal(["one", "two", "three"], _app.Engine.Requests.Select(request => request.Lyrics));
        Assert.Equal(2, (await _client.GetJsonAsync("/v1/songs")).GetProperty("songs").GetArrayLength());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Deleting_a_job_cancels_it_and_frees_its_slot(bool running)
    {
        var first = await _client.SubmitAsync("one");
        await _client.WhenAsync(first, "running");
        var second = await _client.SubmitAsync("two");
        var third = await _client.SubmitAsync("three");
        using var response = await _client.DeleteAsync(running ? first : second, TestContext.Current.CancellationToken);
        Assert.Contains(response.StatusCode, new[] { HttpStatusCode.OK, HttpStatusCode.Accepted });
        await _client.WhenAsync(running ? first : second, "cancelled");
        if (running)
        {
            await _stage["two"].Started.Task.InTime();
        }

        await _client.SubmitAsync("four");

        _stage[running ? "two" : "one"].Finish();
        _stage["three"].Finish();
        await _client.WhenAsync(third, "succeeded");
        Assert.Equal("cancelled", await _client.StateAsync(running ? first : second));
    }

    [Fact]
    public async Task Cancelling_a_job_that_does_not_end_immediately_returns_202()
    {
        var clock = new ImmediateTimers();
        using var app = new YueApp { Clock = clock };
        using var client = app.CreateClient();
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        app.Engine.Sing = async (request, progress, cancel) =>
        {
            progress!.Report(new(SongStage.Stage1, 1, 1, 0, 100, 0));
            await release.Task;
            cancel.ThrowIfCancellationRequested();
            return FakeSongEngine.Song(request);
        };
        var job = await client.SubmitAsync("one");
        await client.WhenAsync(job, "running");

        using var response = await client.DeleteAsync(job, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        Assert.Equal(job, response.Headers.Location!.ToString());
        var left = await response.JsonAsync();
        Assert.Equal("running", left.GetProperty("state").GetString());
        Assert.Contains("current step", left.GetProperty("delay_reason").GetString(), StringComparison.Ordinal);
        Assert.InRange(clock.DueTime, TimeSpan.Zero, TimeSpan.FromSeconds(1));
        release.SetResult();
        await client.WhenAsync(job, "cancelled");
    }

    [Fact]
    public async Task Deleting_a_finished_job_removes_it_with_its_song()
    {
        var job = await _client.SubmitAsync("one");
        _stage["one"].Finish();
        await _client.WhenAsync(job, "succeeded");
        Assert.Single(Directory.GetDirectories(Path.Combine(_app.StateFolder, "songs")));
        using var removed = await _client.DeleteAsync(job, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
        Assert.Empty(Directory.GetDirectories(Path.Combine(_app.StateFolder, "songs")));
        foreach (var path in new[] { job, job + "/audio", job + "/events" })
        {
            using var response = await _client.GetAsync(path, TestContext.Current.CancellationToken);
            await response.ProblemAsync(HttpStatusCode.NotFound, "urn:yue:not-found");
        }

        using var again = await _client.DeleteAsync(job, TestContext.Current.CancellationToken);
        await again.ProblemAsync(HttpStatusCode.NotFound, "urn:yue:not-found");
    }

    [Theory]
    [InlineData(true, "urn:yue:unsingable", "no words")]
    [InlineData(false, "urn:yue:song-failed", "the log has the reason")]
    public async Task A_failed_job_has_the_reason_or_refers_to_the_log(bool request, string type, string expected)
    {
        _app.Engine.Sing = (_, _, _) => Task.FromException<SongResult>(
            request ? new SongRequestException("there are no words to sing") : new SongException("secret tensor"));
        var job = await _client.SubmitAsync("one");
        var error = (await _client.WhenAsync(job, "failed")).GetProperty("error");
        Assert.Equal(type, error.GetProperty("type").GetString());
        Assert.Contains(expected, error.GetProperty("detail").GetString(), StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("secret", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Jobs_are_listed_in_pages_newest_first()
    {
        _stage.RunsFreely = true;
        for (var i = 0; i < 5; i++)
        {
            await _client.WhenAsync(await _client.SubmitAsync($"song {i}"), "succeeded");
        }

        var seen = new List<string>();
        string? cursor = null;
        do
        {
            var page = await _client.GetJsonAsync($"/v1/songs?limit=2{(cursor is null ? "" : $"&cursor={cursor}")}");
            seen.AddRange(
                page.GetProperty("songs").EnumerateArray().Select(job => job.GetProperty("links").GetProperty("self").GetString()!));
            Assert.All(page.GetProperty("songs").EnumerateArray(), job => Assert.False(job.TryGetProperty("lyrics", out _)));
            cursor = page.GetProperty("next_cursor").GetString();
        }
        while (cursor is not null);
        Assert.Equal(5, seen.Distinct().Count());
        Assert.Equal("song 4", (await _client.GetJsonAsync(seen[0])).GetProperty("lyrics").GetString());
        Assert.Equal("song 0", (await _client.GetJsonAsync(seen[4])).GetProperty("lyrics").GetString());
    }

    [Theory]
    [InlineData("limit=0")]
    [InlineData("limit=101")]
    [InlineData("limit=-1&cursor=x")]
    [InlineData("cursor=99999999999999999999")]
    public async Task A_limit_or_cursor_out_of_bounds_causes_a_422_with_the_bounds(string query)
    {
        using var response = await _client.GetAsync($"/v1/songs?{query}", TestContext.Current.CancellationToken);
        var faults = await response.FieldErrorsAsync();
        Assert.NotEmpty(faults);
        Assert.All(faults, fault => Assert.Contains("from 1 to", fault.Value, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_loading_engine_accepts_no_jobs()
    {
        _app.Engine.Status = new EngineStatus { State = EngineState.Loading, Loading = "stage 2" };
        using var response = await _client.PostSongAsync("""{"lyrics":"one"}""");
        await response.ProblemAsync(HttpStatusCode.ServiceUnavailable, "urn:yue:not-ready");
        Assert.Equal(0, (await _client.GetJsonAsync("/v1/songs")).GetProperty("songs").GetArrayLength());
    }

    [Fact]
    public async Task The_same_key_and_body_return_the_same_job_and_another_body_causes_a_422()
    {
        _stage.RunsFreely = true;
        var tries = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => _client.PostSongAsync("""{"lyrics":"one"}""", key: "k 1")));
        Assert.All(tries, response => Assert.Equal(HttpStatusCode.Accepted, response.StatusCode));
        Assert.Single(tries.Select(response => response.Headers.Location).Distinct());
        await _client.WhenAsync(tries[0].Headers.Location!.ToString(), "succeeded");
        Assert.Single(_app.Engine.Requests);

        using var later = await _client.PostSongAsync("""{"lyrics":"one"}""", key: "k 1");
        Assert.Equal(tries[0].Headers.Location, later.Headers.Location);
        using var other = await _client.PostSongAsync("""{"lyrics":"two"}""", key: "k 1");
        await other.ProblemAsync(HttpStatusCode.UnprocessableEntity, "urn:yue:idempotency-key-reused");
        using var otherKey = await _client.PostSongAsync("""{"lyrics":"one"}""", key: "k 2");
        Assert.NotEqual(tries[0].Headers.Location, otherKey.Headers.Location);
    }

    [Fact]
    public async Task A_refused_request_does_not_use_up_its_key()
    {
        var slots = _app.FillQueue();
        using var refused = await _client.PostSongAsync("""{"lyrics":"one"}""", key: "k");
        await refused.ProblemAsync(HttpStatusCode.TooManyRequests, "urn:yue:queue-full");
        for (var slot = 0; slot < slots; slot++)
        {
            _app.Services.GetRequiredService<JobOrder>().Release();
        }

        using var taken = await _client.PostSongAsync("""{"lyrics":"two"}""", key: "k");
        Assert.Equal(HttpStatusCode.Accepted, taken.StatusCode);
    }

    [Fact]
    public async Task An_invalid_idempotency_key_causes_a_400()
    {
        using var response = await _client.PostSongAsync("""{"lyrics":"one"}""", key: new string('k', 256));
        await response.ProblemAsync(HttpStatusCode.BadRequest, "urn:yue:bad-request");
    }

    private async Task<System.Text.Json.JsonElement> ProgressOf(string job) => (await _client.GetJsonAsync(job)).GetProperty("progress");

    /// <summary>A clock whose timers fire immediately.</summary>
    private sealed class ImmediateTimers : TimeProvider
    {
        /// <summary>The due time of the last timer.</summary>
        public TimeSpan DueTime { get; private set; }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            DueTime = dueTime;
            return base.CreateTimer(callback, state, TimeSpan.Zero, period);
        }
    }
}
