using System.Net;
using Xunit;
using Yue.Testing;
using YueService.Tests.Fakes;

namespace YueService.Tests.Machines;

/// <summary>Tests that no accepted job is lost when processes and servers are killed, stopped or disconnected.</summary>
public sealed class BrokenMachinesTests(SharedPostgres sharedPostgres, SharedS3 sharedStorage) : IAsyncLifetime
{
    private Cluster _cluster = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _cluster = await Cluster.NewAsync(await sharedPostgres.Server, await sharedStorage.Server);

    public ValueTask DisposeAsync() => _cluster?.DisposeAsync() ?? ValueTask.CompletedTask;

    [Fact]
    public async Task A_job_whose_worker_is_killed_runs_again_and_fails_after_a_second_kill()
    {
        var api = await _cluster.ApiAsync();

        // The workers' clocks are wrong, but leases use only the database's clock.
        var first = await _cluster.WorkerAsync(RealServer.ClockOffBy("+1h"));
        var job = await api.Client.SubmitAsync("la seconds=60");
        using var stream = await StreamAsync(api, job);
        await api.Client.WhenAsync(job, "running");
        first.Kill();
        await Assert.ThrowsAnyAsync<Exception>(async () => await stream.Content.CopyToAsync(Stream.Null, Cancel).InTime());
        await api.Client.WhenAsync(job, "queued");
        Assert.Equal("1", await _cluster.ColumnAsync(job, "interruptions"));
        var second = await _cluster.WorkerAsync(RealServer.ClockOffBy("-1h"));
        await api.Client.WhenAsync(job, "running");
        second.Kill();
        var failed = await api.Client.WhenAsync(job, "failed");
        Assert.Contains("ended twice", failed.GetProperty("error").GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_accepted_job_is_lost_when_the_process_that_accepted_it_is_killed()
    {
        var first = await _cluster.ApiAsync();
        var second = await _cluster.ApiAsync();
        var worker = await _cluster.WorkerAsync();
        var job = await first.Client.SubmitAsync("la seconds=2");
        string[] others = [await first.Client.SubmitAsync("one"), await first.Client.SubmitAsync("two")];
        using var events = await EventStream.OpenAsync(first.Client, job);
        (string Id, string Name, System.Text.Json.JsonElement Data) last;
        do
        {
            last = (await events.NextAsync())!.Value;
        }
        while (last.Name != "running");

        var waiting = first.Client.PostSongAsync("""{"lyrics":"la seconds=300"}""", path: "/predict");
        await Eventually.TrueAsync(async () => await _cluster.CountAsync("caller IS NOT NULL") == 1);
        first.Kill();
        await Assert.ThrowsAnyAsync<Exception>(() => waiting);
        using var resumed = await EventStream.OpenAsync(second.Client, job, last.Id);
        var rest = await resumed.RestAsync();
        Assert.DoesNotContain(rest, e => e.Name == "queued");
        Assert.Contains(rest, ManyMachinesTests.IsInStage2);
        Assert.Equal("succeeded", rest[^1].Name);
        foreach (var other in others)
        {
            await second.Client.WhenAsync(other, "succeeded");
        }

        // The connection of the waiting caller ended with the process, so the caller's song is cancelled.
        await Eventually.TrueAsync(async () => await _cluster.CountAsync("caller IS NOT NULL") == 0);
        Assert.DoesNotContain("fail", worker.Printed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_worker_that_was_paused_past_its_lease_stores_nothing_when_it_resumes()
    {
        var api = await _cluster.ApiAsync();
        var stopped = await _cluster.WorkerAsync();
        var job = await api.Client.SubmitAsync("la seconds=3");
        await api.Client.WhenAsync(job, "running");
        stopped.Signal("STOP");
        var other = await _cluster.WorkerAsync();
        await api.Client.WhenAsync(job, "succeeded");
        var (attempt, folder) = (await _cluster.ColumnAsync(job, "attempt"), await _cluster.ColumnAsync(job, "folder"));
        stopped.Signal("CONT");
        await Eventually.TrueAsync(() => stopped.Printed.Contains("no longer belongs to this worker", StringComparison.Ordinal)
            || stopped.Printed.Contains("is ignored: the job", StringComparison.Ordinal));
        Assert.Equal((attempt, folder), (await _cluster.ColumnAsync(job, "attempt"), await _cluster.ColumnAsync(job, "folder")));
        Assert.Equal("1", await _cluster.ColumnAsync(job, "interruptions"));
        await other.TerminateAsync();
        await api.Client.WhenAsync(await api.Client.SubmitAsync("la"), "succeeded");
    }

    [Fact]
    public async Task A_worker_that_drains_returns_its_song_without_counting_an_interruption()
    {
        var api = await _cluster.ApiAsync();
        var worker = _cluster.Start(["worker", "--Yue:DrainSeconds=0"], []);
        await worker.ReadyAsync();
        var job = await api.Client.SubmitAsync("la seconds=300");
        await api.Client.WhenAsync(job, "running");
        await worker.TerminateAsync();
        await api.Client.WhenAsync(job, "queued");
        Assert.Equal("0", await _cluster.ColumnAsync(job, "interruptions"));
        await Eventually.TrueAsync(async () =>
            (await api.Client.GetJsonAsync(job)).GetProperty("delay_reason").GetString() == "No worker is running now.");
    }

    [Fact]
    public async Task An_unreachable_database_interrupts_songs_only_after_the_outage_time()
    {
        await using var postgres = await PostgresServer.StartNewAsync();
        await using var cluster = await Cluster.NewAsync(postgres, await sharedStorage.Server);
        var api = await cluster.ApiAsync();
        var impatient = await cluster.WorkerAsync(("YUE_OUTAGE_SECONDS", "2"));
        var interrupted = await api.Client.SubmitAsync("la seconds=300");
        await api.Client.WhenAsync(interrupted, "running");
        var worker = await cluster.WorkerAsync();
        var job = await api.Client.SubmitAsync("la seconds=2");
        await api.Client.WhenAsync(job, "running");
        await postgres.StopAsync(crash: true);
        using var refused = await api.Client.PostSongAsync("""{"lyrics":"la"}""");
        await refused.ProblemAsync(HttpStatusCode.ServiceUnavailable, "urn:yue:storage-unavailable");

        // The song ends and its lease expires while the database is unavailable.
        await Eventually.TrueAsync(() => worker.Printed.Contains("could not be stored", StringComparison.Ordinal));
        await Eventually.TrueAsync(() => worker.Printed.Contains("have not been renewed for 4", StringComparison.Ordinal));

        // The other worker stops its song after two seconds.
        await Eventually.TrueAsync(() => impatient.Printed.Contains("could not be stored", StringComparison.Ordinal));
        await postgres.StartAsync();
        await api.Client.WhenAsync(job, "succeeded");
        Assert.NotEmpty(await api.Client.GetByteArrayAsync(job + "/audio", Cancel));
        Assert.Equal(("0", "1"), (await cluster.ColumnAsync(job, "interruptions"), await cluster.ColumnAsync(job, "attempt")));

        await api.ReadyAsync();
        await Eventually.TrueAsync(async () => await cluster.ColumnAsync(interrupted, "interruptions") == "1");
        using var cancelled = await api.Client.DeleteAsync(interrupted, Cancel);
        await api.Client.WhenAsync(interrupted, "cancelled");
        await api.Client.WhenAsync(await api.Client.SubmitAsync("la"), "succeeded");
    }

    [Fact]
    public async Task A_song_is_kept_while_object_storage_is_unreachable()
    {
        await using var storage = await S3Server.StartNewAsync();
        await using var cluster = await Cluster.NewAsync(await sharedPostgres.Server, storage);
        var api = await cluster.ApiAsync();
        var worker = await cluster.WorkerAsync();
        var job = await api.Client.SubmitAsync("la seconds=1");
        await api.Client.WhenAsync(job, "running");
        storage.Kill();
        await Eventually.TrueAsync(() => worker.Printed.Contains("could not be written", StringComparison.Ordinal));
        Assert.Equal("running", await api.Client.StateAsync(job));
        await storage.StartAsync();
        await api.Client.WhenAsync(job, "succeeded");
        Assert.NotEmpty(await api.Client.GetByteArrayAsync(job + "/audio", Cancel));
        Assert.Equal("0", await cluster.ColumnAsync(job, "interruptions"));
    }

    [Fact]
    public async Task Child_workers_are_restarted_and_end_with_their_parent()
    {
        var fleet = await _cluster.Start(["worker", "--devices", "cuda:0,cuda:1"], []).ReadyAsync();
        using var second = new HttpClient
        {
            BaseAddress = new UriBuilder(fleet.Client.BaseAddress!) { Port = fleet.Client.BaseAddress!.Port + 1 }.Uri,
        };
        await Eventually.TrueAsync(() => RespondsAsync(second));
        KillListener(second.BaseAddress!.Port);
        await Eventually.TrueAsync(() => fleet.Printed.Contains("will be restarted", StringComparison.Ordinal));
        await Eventually.TrueAsync(() => RespondsAsync(second));
        fleet.Kill();
        await Eventually.TrueAsync(async () => !await RespondsAsync(second) && !await RespondsAsync(fleet.Client));
    }

    private static async Task<bool> RespondsAsync(HttpClient client)
    {
        try
        {
            using var response = await client.GetAsync("/health/ready", Cancel);
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    /// <summary>Kills the child worker that listens on a port. Its command line contains the address and
    /// <c>--until-input-ends</c>.</summary>
    private static void KillListener(int port)
    {
        foreach (var folder in Directory.GetDirectories("/proc").Where(folder => int.TryParse(Path.GetFileName(folder), out _)))
        {
            try
            {
                var line = File.ReadAllText(Path.Combine(folder, "cmdline")).Split('\0');
                if (line.Contains($"http://127.0.0.1:{port}") && line.Contains("--until-input-ends"))
                {
                    using var process = System.Diagnostics.Process.GetProcessById(int.Parse(
                        Path.GetFileName(folder), System.Globalization.CultureInfo.InvariantCulture));
                    process.Kill();
                }
            }
            catch (IOException)
            {
                // The process has ended.
            }
        }
    }

    private static Task<HttpResponseMessage> StreamAsync(YueProcess api, string job) => Task.Run(
        () => api.Client.GetAsync(job + "/stream?format=pcm", HttpCompletionOption.ResponseHeadersRead, Cancel), Cancel);
}
