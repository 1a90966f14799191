using System.Net;
using System.Net.Http.Json;
using System.Text;
using Xunit;
using Yue.Testing;
using YueService.Tests.Fakes;

namespace YueService.Tests.Machines;

/// <summary>Tests two API processes and two workers when nothing fails.</summary>
public sealed class ManyMachinesTests(ManyMachinesTests.TwoAndTwo machines) : IClassFixture<ManyMachinesTests.TwoAndTwo>, IAsyncLifetime
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private HttpClient A => machines.A.Client;

    private HttpClient B => machines.B.Client;

    public async ValueTask InitializeAsync() => await machines.StartedAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task A_job_that_one_process_accepts_is_shown_and_streamed_by_another()
    {
        var job = await A.SubmitAsync("[verse]\\nla seconds=0.5", ""","title":"Two machines" """);
        using var events = await EventStream.OpenAsync(B, job);
        var seen = await events.RestAsync();
        Assert.Contains(seen, IsInStage2);
        Assert.Equal("succeeded", seen[^1].Name);
        var shown = await B.WhenAsync(job, "succeeded");
        Assert.Equal("Two machines", shown.GetProperty("title").GetString());
        var song = await A.GetByteArrayAsync(job + "/audio", Cancel);
        Assert.Equal("RIFF", Encoding.ASCII.GetString(song, 0, 4));
        Assert.Equal(song, await B.GetByteArrayAsync(job + "/audio", Cancel));
        using var range = new HttpRequestMessage(HttpMethod.Get, job + "/audio") { Headers = { Range = new(1000, 1999) } };
        using var part = await B.SendAsync(range, Cancel);
        Assert.Equal(song[1000..2000], await part.Content.ReadAsByteArrayAsync(Cancel));
        Assert.NotEmpty(await A.GetByteArrayAsync(job + "/codes", Cancel));
        using var removed = await B.DeleteAsync(job, Cancel);
        Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
        using var gone = await A.GetAsync(job, Cancel);
        Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
    }

    [Fact]
    public async Task A_running_job_can_be_cancelled_through_any_process()
    {
        var job = await A.SubmitAsync("la seconds=300");
        await B.WhenAsync(job, "running");
        using var cancelled = await B.DeleteAsync(job, Cancel);
        Assert.True(cancelled.IsSuccessStatusCode);
        await A.WhenAsync(job, "cancelled");
    }

    [Fact]
    public async Task An_idempotency_key_creates_one_job_across_all_processes()
    {
        var responses = await Task.WhenAll(Enumerable.Range(0, 12).Select(
            i => (i % 2 == 0 ? A : B).PostSongAsync("""{"lyrics":"la"}""", key: "one key of many processes")));
        Assert.All(responses, response => Assert.Equal(HttpStatusCode.Accepted, response.StatusCode));
        Assert.Single(responses.Select(response => response.Headers.Location).Distinct());
        using var other = await B.PostSongAsync("""{"lyrics":"lo"}""", key: "one key of many processes");
        await other.ProblemAsync(HttpStatusCode.UnprocessableEntity, "urn:yue:idempotency-key-reused");
    }

    [Fact]
    public async Task A_caller_that_waits_gets_its_song_and_leaves_nothing_behind()
    {
        using var response = await A.PostSongAsync("""{"lyrics":"la","output":{"sample_rate":16000}}""", path: "/predict");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var song = Convert.FromBase64String((await response.JsonAsync()).GetProperty("audio_base64").GetString()!);
        Assert.True(song.Length > 32_000, $"{song.Length}");
        await Eventually.TrueAsync(async () => await machines.Cluster.CountAsync("caller IS NOT NULL") == 0);
    }

    [Fact]
    public async Task The_song_of_a_caller_that_leaves_is_cancelled_on_its_worker()
    {
        using var caller = new CancellationTokenSource();
        var body = new StringContent("""{"lyrics":"la seconds=300"}""", Encoding.UTF8, "application/json");
        var waiting = A.PostAsync("/predict", body, caller.Token);
        await Eventually.TrueAsync(async () => await machines.Cluster.CountAsync("caller IS NOT NULL AND state = 'running'") == 1);
        await caller.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await Eventually.TrueAsync(async () => await machines.Cluster.CountAsync("caller IS NOT NULL") == 0);
    }

    [Fact]
    public async Task Sound_is_streamed_by_another_machine_while_the_song_is_being_made()
    {
        var job = await A.SubmitAsync("la seconds=1");
        using var stream = await B.GetAsync(job + "/stream?format=pcm", HttpCompletionOption.ResponseHeadersRead, Cancel);
        await using var content = await stream.Content.ReadAsStreamAsync(Cancel);
        var first = new byte[3200];
        await content.ReadExactlyAsync(first, Cancel).AsTask().InTime();
        using var rest = new MemoryStream();
        await content.CopyToAsync(rest, Cancel).InTime();
        await A.WhenAsync(job, "succeeded");
        var song = await A.GetByteArrayAsync(job + "/audio", Cancel);
        Assert.Equal(song.AsSpan(44, 32_000).ToArray(), (byte[])[.. first, .. rest.ToArray()]);
    }

    [Fact]
    public async Task Waiting_jobs_have_the_same_queue_positions_in_all_processes()
    {
        string[] running = [await A.SubmitAsync("la seconds=300"), await B.SubmitAsync("la seconds=300")];
        foreach (var job in running)
        {
            await A.WhenAsync(job, "running");
        }

        string[] waiting = [await A.SubmitAsync("one"), await B.SubmitAsync("two"), await A.SubmitAsync("three")];
        for (var i = 0; i < waiting.Length; i++)
        {
            var position = i + 1;
            foreach (var client in new[] { A, B })
            {
                await Eventually.TrueAsync(
                    async () => (await client.GetJsonAsync(waiting[i])).GetProperty("queue_position").GetInt32() == position);
            }
        }

        foreach (var job in running)
        {
            await A.DeleteAsync(job, Cancel);
        }

        foreach (var job in waiting)
        {
            await B.WhenAsync(job, "succeeded");
        }
    }

    [Fact]
    public async Task A_job_for_a_model_whose_worker_has_stopped_waits_and_shows_the_reason()
    {
        (string, string)[] third = [("FAKE_MODELS", "jp-cot")];
        using var unknown = await A.PostSongAsync("""{"lyrics":"la","model":"jp-cot"}""");
        await unknown.ProblemAsync(HttpStatusCode.UnprocessableEntity, "urn:yue:invalid-request");
        var worker = await machines.Cluster.WorkerAsync(third);
        await Eventually.TrueAsync(async () => (await ModelsAsync()).Contains("jp-cot"));
        await worker.TerminateAsync();
        await Eventually.TrueAsync(async () => (await ModelsAsync()).SequenceEqual(["en-cot", "zh-cot"]));

        var job = await A.SubmitAsync("la", ""","model":"jp-cot" """);
        const string Reason = "No worker with model jp-cot is running now.";
        Assert.Equal(Reason, (await A.GetJsonAsync(job)).GetProperty("delay_reason").GetString());
        using var events = await EventStream.OpenAsync(A, job);
        Assert.Equal(Reason, (await events.NextAsync())!.Value.Data.GetProperty("delay_reason").GetString());
        await A.WhenAsync(await B.SubmitAsync("la", ""","model":"zh-cot" """), "succeeded");
        Assert.Equal("queued", await B.StateAsync(job));

        worker = await machines.Cluster.WorkerAsync(third);
        Assert.Equal("jp-cot", (await B.WhenAsync(job, "succeeded")).GetProperty("song").GetProperty("model").GetString());

        // The other tests expect two workers.
        await worker.TerminateAsync();

        async Task<List<string?>> ModelsAsync()
        {
            var models = (await A.GetJsonAsync("/v1/models")).GetProperty("data").EnumerateArray();
            return [.. models.Select(model => model.GetProperty("id").GetString())];
        }
    }

    [Fact]
    public async Task Changes_to_any_job_are_seen_in_every_process()
    {
        using var own = await EventStream.OpenAllAsync(A);
        using var events = await EventStream.OpenAllAsync(B);
        Assert.Equal("snapshot", (await events.NextAsync())!.Value.Name);
        var job = await A.SubmitAsync("la");
        var id = Path.GetFileName(job);
        var names = new HashSet<string>();
        while (!names.Contains("succeeded"))
        {
            var e = (await events.NextAsync())!.Value;
            if (e.Data.GetProperty("id").GetString() == id)
            {
                names.Add(e.Name);
            }
        }

        Assert.Contains("running", names);
        using var edited = await A.PatchAsync(job, JsonContent.Create(new { title = "Harbor lights" }), Cancel);
        edited.EnsureSuccessStatusCode();
        var edit = (await events.NextAsync())!.Value;
        Assert.Equal(("edited", "Harbor lights"), (edit.Name, edit.Data.GetProperty("title").GetString()));
        while ((await own.NextAsync())!.Value.Name != "edited")
        {
        }

        using var removed = await A.DeleteAsync(job, Cancel);
        Assert.Equal("removed", (await events.NextAsync())!.Value.Name);
        Assert.Equal("removed", (await own.NextAsync())!.Value.Name);

        // Each process publishes a removal only once.
        var next = Path.GetFileName(await A.SubmitAsync("la"));
        Assert.Equal(next, (await events.NextAsync())!.Value.Data.GetProperty("id").GetString());
        Assert.Equal(next, (await own.NextAsync())!.Value.Data.GetProperty("id").GetString());
    }

    /// <summary>Returns true for an event of a song in its second stage.</summary>
    internal static bool IsInStage2((string Id, string Name, System.Text.Json.JsonElement Data) e) =>
        e.Name == "running"
        && e.Data.GetProperty("progress") is { ValueKind: System.Text.Json.JsonValueKind.Object } progress
        && progress.GetProperty("stage").GetString() == "stage2";

    /// <summary>Two API processes and two workers.</summary>
    public sealed class TwoAndTwo(SharedPostgres postgres, SharedS3 storage) : IAsyncDisposable
    {
        private Task? _starting;

        internal Cluster Cluster { get; private set; } = null!;

        internal YueProcess A { get; private set; } = null!;

        internal YueProcess B { get; private set; } = null!;

        /// <summary>Starts the processes when the first test calls this method. If a server is missing, the tests must be skipped; if the
        /// fixture itself started the processes, xUnit would report a failure instead.</summary>
        public Task StartedAsync() => _starting ??= StartAsync();

        public ValueTask DisposeAsync() => Cluster?.DisposeAsync() ?? ValueTask.CompletedTask;

        private async Task StartAsync()
        {
            Cluster = await Cluster.NewAsync(postgres, storage);
            (string, string)[] second = [("FAKE_MODELS", "en-cot,zh-cot")];
            var processes = await Task.WhenAll(Cluster.ApiAsync(), Cluster.ApiAsync(), Cluster.WorkerAsync(), Cluster.WorkerAsync(second));
            (A, B) = (processes[0], processes[1]);

            // Until an API process knows the models of the workers, it accepts every model name.
            foreach (var client in new[] { A.Client, B.Client })
            {
                await Eventually.TrueAsync(
                    async () => (await client.GetJsonAsync("/v1/models")).GetProperty("data").GetArrayLength() == 2);
            }
        }
    }
}
