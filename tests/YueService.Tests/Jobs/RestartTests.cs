using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;
using Yue.Engine.Scheduling;
using Yue.Testing;
using YueService.Jobs;
using YueService.Settings;
using YueService.Telemetry;
using YueService.Tests.Fakes;

namespace YueService.Tests.Jobs;

/// <summary>Tests jobs after the process ends and another one starts with the same state folder.</summary>
public sealed class RestartTests : IDisposable
{
    private readonly TemporaryFolder _state = new();

    public void Dispose() => _state.Dispose();

    [Fact]
    public async Task After_a_restart_songs_are_available_and_waiting_jobs_run()
    {
        string finished, running, waiting;
        byte[] song;
        await using (var app = App())
        {
            var stage = new StagedEngine(app.Engine);
            using var client = app.CreateClient();
            stage["finished"].Finish();
            finished = await client.SubmitAsync("finished");
            await client.WhenAsync(finished, "succeeded");
            song = await client.GetByteArrayAsync(finished + "/audio", TestContext.Current.CancellationToken);
            running = await client.SubmitAsync("running");
            waiting = await client.SubmitAsync("waiting");
            await client.WhenAsync(running, "running");
            SimulateKill(app);
        }

        await using (var app = App())
        {
            var stage = new StagedEngine(app.Engine) { RunsFreely = true };
            using var client = app.CreateClient();
            Assert.Equal(song, await client.GetByteArrayAsync(finished + "/audio", TestContext.Current.CancellationToken));
            await client.WhenAsync(running, "succeeded");
            await client.WhenAsync(waiting, "succeeded");
            Assert.Equal(["running", "waiting"], app.Engine.Requests.Select(request => request.Lyrics));
        }
    }

    [Theory]
    [InlineData("01", "decode encode queue resume section stage1 stage2")]
    [InlineData("00", "")]
    public async Task A_job_continues_its_trace_after_a_restart(string flags, string recorded)
    {
        var (traceId, job) = (ActivityTraceId.CreateRandom().ToHexString(), "");
        await using (var app = App())
        {
            var stage = new StagedEngine(app.Engine);
            using var client = app.CreateClient();
            client.DefaultRequestHeaders.Add("traceparent", $"00-{traceId}-00f067aa0ba902b7-{flags}");
            job = await client.SubmitAsync("one");
            await client.WhenAsync(job, "running");
            SimulateKill(app);
        }

        var activities = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == YueTelemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> options) =>
                options.Parent.TraceFlags.HasFlag(ActivityTraceFlags.Recorded)
                    ? ActivitySamplingResult.AllDataAndRecorded
                    : ActivitySamplingResult.None,
            ActivityStopped = activities.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        await using (var app = App())
        {
            var stage = new StagedEngine(app.Engine) { RunsFreely = true };
            using var client = app.CreateClient();
            await client.WhenAsync(job, "succeeded");
            await Eventually.TrueAsync(() => app.Log.Events.Any(
                e =>
                    e.MessageTemplate.Text.StartsWith("Job {JobId} ended", StringComparison.Ordinal)
                        && e.TraceId?.ToHexString() == traceId));
            var mine = activities.Where(activity => activity.TraceId.ToHexString() == traceId).ToList();
            Assert.Equal(recorded, string.Join(' ', mine.Select(activity => activity.OperationName).Order()));
            Assert.All(
                mine.Where(activity => activity.OperationName is "queue" or "stage1" or "stage2" or "decode"),
                step => Assert.Equal(mine.Single(activity => activity.OperationName == "resume").SpanId, step.ParentSpanId));
        }
    }

    [Fact]
    public async Task A_job_fails_if_two_processes_in_a_row_die_while_running_it()
    {
        string job;
        await using (var app = App())
        {
            var stage = new StagedEngine(app.Engine);
            using var client = app.CreateClient();
            job = await client.SubmitAsync("one");
            await client.WhenAsync(job, "running");
            await WhenStoredRunningAsync(app, job);
            SimulateKill(app);
        }

        await using (var app = App())
        {
            var stage = new StagedEngine(app.Engine);
            using var client = app.CreateClient();
            await client.WhenAsync(job, "running");
            await WhenStoredRunningAsync(app, job);
            SimulateKill(app);
        }

        await using (var app = App())
        {
            using var client = app.CreateClient();
            var error = (await client.WhenAsync(job, "failed")).GetProperty("error");
            Assert.Contains("ended twice", error.GetProperty("detail").GetString(), StringComparison.Ordinal);
            Assert.Empty(app.Engine.Requests);
        }
    }

    [Fact]
    public async Task A_drain_lets_the_running_song_finish_and_requeues_the_rest()
    {
        string running, waiting;
        await using (var app = App())
        {
            var stage = new StagedEngine(app.Engine);
            using var client = app.CreateClient();
            running = await client.SubmitAsync("running");
            await client.WhenAsync(running, "running");
            waiting = await client.SubmitAsync("waiting");
            using var events = await EventStream.OpenAsync(client, waiting);
            var order = app.Services.GetRequiredService<JobOrder>();
            app.Engine.Drain = async _ =>
            {
                // The engine admits no more songs, and running songs continue.
                app.Engine.Status = app.Engine.Status with { State = EngineState.Draining };
                await Eventually.TrueAsync(() => order.Depth == 0);
                stage["running"].Finish();
                await Eventually.TrueAsync(() => stage.Ended == 1);
            };
            await app.Services.GetRequiredService<IHost>().StopAsync(TestContext.Current.CancellationToken);
            Assert.DoesNotContain(await events.RestAsync(), e => e.Id == "end");
        }

        await WhenClosedAsync();
        await using (var app = App())
        {
            var stage = new StagedEngine(app.Engine);
            using var client = app.CreateClient();
            Assert.Equal("succeeded", await client.StateAsync(running));
            await client.WhenAsync(waiting, "running");
            SimulateKill(app);
        }

        await using (var app = App())
        {
            // The drain did not count as an interruption.
            var stage = new StagedEngine(app.Engine) { RunsFreely = true };
            using var client = app.CreateClient();
            await client.WhenAsync(waiting, "succeeded");
        }
    }

    [Fact]
    public async Task Songs_of_an_earlier_process_run_first_and_count_toward_the_limit()
    {
        await using (var app = App())
        {
            var stage = new StagedEngine(app.Engine);
            using var client = app.CreateClient();
            await client.WhenAsync(await client.SubmitAsync("one"), "running");
            await client.SubmitAsync("two");
            await client.SubmitAsync("three");
            SimulateKill(app);
        }

        await using (var app = new YueApp(("Yue:StateFolder", _state.Path), ("Yue:QueueCapacity", "2")))
        {
            var stage = new StagedEngine(app.Engine);
            using var client = app.CreateClient();
            await stage["one"].Started.Task.InTime();
            using var refused = await client.PredictAsync("""{"lyrics":"new"}""");
            await refused.ProblemAsync(System.Net.HttpStatusCode.TooManyRequests, "urn:yue:queue-full");
            var list = await client.GetJsonAsync("/v1/songs");
            var third = list.GetProperty("songs")[0];
            Assert.Equal(2, third.GetProperty("queue_position").GetInt32());
            using var cancelled = await client.DeleteAsync(
                third.GetProperty("links").GetProperty("self").GetString()!, TestContext.Current.CancellationToken);
            Assert.Equal("cancelled", (await cancelled.JsonAsync()).GetProperty("state").GetString());
            var taken = client.PredictAsync("""{"lyrics":"new"}""");
            await Eventually.TrueAsync(() => app.Services.GetRequiredService<JobOrder>().Depth == 2);
            stage["one"].Finish();
            stage["two"].Finish();
            stage["new"].Finish();
            using var song = await taken;
            await song.SongAsync();
            Assert.Equal(["one", "two", "new"], app.Engine.Requests.Select(request => request.Lyrics));
        }
    }

    /// <summary>Kills the process at each step of storing a song. The next process has the song or makes it again, and lists it
    /// exactly once.</summary>
    [Theory]
    [InlineData("write mix.wav")]
    [InlineData("write vocal.wav")]
    [InlineData("write codes.json")]
    [InlineData("write song.json")]
    [InlineData("written")]
    public async Task A_song_is_not_lost_when_the_process_dies_while_storing_it(string step)
    {
        string job;
        await using (var app = App())
        {
            using var client = app.CreateClient();
            var died = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var stage = new StagedEngine(app.Engine);
            app.Services.GetRequiredService<SongFolder>().Reached = reached => DieAt(step, reached, app, died);
            job = await client.SubmitAsync("one", ""","output":{"stems":true}""");
            stage["one"].Finish();
            await died.Task.InTime();
        }

        await using (var app = App())
        {
            using var client = app.CreateClient();
            await client.WhenAsync(job, "succeeded");
            Assert.Equal(step == "written" ? 0 : 1, app.Engine.Requests.Count);
            foreach (var track in new[] { "mix", "vocal", "instrumental" })
            {
                var file = await client.GetByteArrayAsync($"{job}/audio?track={track}", TestContext.Current.CancellationToken);
                Assert.StartsWith("RIFF", System.Text.Encoding.ASCII.GetString(file), StringComparison.Ordinal);
            }

            Assert.Single(Directory.GetDirectories(_state["songs"]));
        }
    }

    [Fact]
    public async Task A_removal_that_is_interrupted_is_completed_by_the_next_process()
    {
        string job;
        await using (var app = App())
        {
            using var client = app.CreateClient();
            job = await client.SubmitAsync("one");
            await client.WhenAsync(job, "succeeded");
            var died = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            app.Services.GetRequiredService<SongFolder>().Reached = reached => DieAt("delete", reached, app, died);
            using var caller = new CancellationTokenSource();
            _ = client.DeleteAsync(job, caller.Token);
            await died.Task.InTime();
            await caller.CancelAsync();
        }

        await using (var app = App())
        {
            using var client = app.CreateClient();
            using var response = await client.GetAsync(job + "/audio", TestContext.Current.CancellationToken);
            Assert.Equal(System.Net.HttpStatusCode.NotFound, response.StatusCode);
            Assert.Empty(Directory.GetDirectories(_state["songs"]));
            Assert.Equal(0, (await client.GetJsonAsync("/v1/songs")).GetProperty("songs").GetArrayLength());
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]      // release 0.6 stored the position of the key in the list
    public async Task An_API_key_finds_its_jobs_after_another_key_is_removed(bool arePositions)
    {
        string[] bodies = ["""{"lyrics":"la"}""", """{"lyrics":"lo","takes":2}"""];
        var first = await RequestAsync("one,two", "one", bodies);
        var second = await RequestAsync("one,two", "two", bodies);
        Assert.Empty(first.Intersect(second));
        if (arePositions)
        {
            var position = $"CASE owner WHEN '{ApiKeyName.Of("one")}' THEN '0' WHEN '{ApiKeyName.Of("two")}' THEN '1' END";
            await ExecuteAsync($"UPDATE jobs SET owner = {position}", rows: 6);
            await ExecuteAsync($"UPDATE song_groups SET owner = {position}", rows: 2);
            Assert.Equal(first, await RequestAsync("one,two", "one", bodies));
        }

        Assert.Equal(second, await RequestAsync("two", "two", bodies));
        Assert.Equal(first, await RequestAsync("three,one", "one", bodies));
        Assert.Empty(second.Intersect(await RequestAsync("three,one", "three", bodies)));
    }

    private YueApp App(params (string Key, string Value)[] settings) => new([("Yue:StateFolder", _state.Path), .. settings]);

    /// <summary>Starts the service with a list of API keys, sends each body with one of these keys and its own <c>Idempotency-Key</c>,
    /// and stops the service.</summary>
    /// <returns>The path of the job or group for each body.</returns>
    private async Task<string[]> RequestAsync(string keys, string apiKey, params string[] bodies)
    {
        var paths = new List<string>();
        await using (var app = App(("Yue:ApiKey", keys)))
        {
            using var client = app.CreateClient();
            client.DefaultRequestHeaders.Authorization = new("Bearer", apiKey);
            foreach (var body in bodies)
            {
                using var response = await client.PostSongAsync(body, key: $"key of {body}");
                Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
                paths.Add(response.Headers.Location!.ToString());
            }
        }

        await WhenClosedAsync();
        return [.. paths];
    }

    private async Task ExecuteAsync(string statement, int rows)
    {
        await using var connection = new SqliteConnection($"Data Source={_state["jobs.db"]};Pooling=False");
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = connection.CreateCommand();
        command.CommandText = statement;
        Assert.Equal(rows, await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken));
    }

    /// <summary>Waits until a job is stored as running. Readers of the job see that state slightly earlier.</summary>
    private static Task WhenStoredRunningAsync(YueApp app, string job) => Eventually.TrueAsync(
        async () =>
            await app.Services.GetRequiredService<IJobLog>().FindAsync(Path.GetFileName(job), TestContext.Current.CancellationToken) is
            {
                State: JobState.Running,
            });

    /// <summary>Waits until the store of a stopped service is closed. The program closes it on another thread.</summary>
    private Task WhenClosedAsync() => Eventually.TrueAsync(() =>
    {
        try
        {
            using var file = new FileStream(_state["lock"], FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    });

    /// <summary>Closes the store so that the process can no longer write, as if it had been killed.</summary>
    private static void SimulateKill(YueApp app)
    {
        app.Services.GetRequiredService<JobSignals>().Stop();
        ((IDisposable)app.Services.GetRequiredService<IJobLog>()).Dispose();
    }

    private static void DieAt(string step, string reached, YueApp app, TaskCompletionSource died)
    {
        if (step != reached)
        {
            return;
        }

        SimulateKill(app);
        died.TrySetResult();
        throw new InvalidOperationException("The process is dead.");
    }
}
