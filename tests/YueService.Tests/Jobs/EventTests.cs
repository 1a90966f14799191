using System.Net;
using System.Text;
using System.Text.Json;
using Xunit;
using Yue.Engine.Songs;
using Yue.Testing;
using YueService.Tests.Fakes;

namespace YueService.Tests.Jobs;

/// <summary>Tests the server-sent events of a job.</summary>
public sealed class EventTests : IDisposable
{
    private readonly YueApp _app = YueApp.OnSocket(("Yue:EventHeartbeatSeconds", "1"));
    private readonly StagedEngine _stage;
    private readonly HttpClient _client;

    public EventTests()
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
    public async Task A_watcher_sees_every_state_stage_and_section_and_then_the_end()
    {
        var before = await _client.SubmitAsync("before");
        var job = await _client.SubmitAsync("one");
        await _client.WhenAsync(before, "running");
        using var events = await EventStream.OpenAsync(_client, job);
        var queued = (await events.NextAsync())!.Value;
        Assert.Equal(("queued", 1), (queued.Name, queued.Data.GetProperty("queue_position").GetInt32()));

        _stage["before"].Finish();
        await _stage["one"].Started.Task.InTime();
        Sing("one");
        var rest = await events.RestAsync();
        Assert.Equal(
            ["stage1 1", "stage1 2", "stage2 0", "decode 0"],
            rest.Where(e => e.Name == "running").Select(StageOf).Distinct());
        Assert.Equal(("end", "succeeded"), (rest[^1].Id, rest[^1].Name));
        var percents = rest.Where(e => e.Name == "running")
            .Select(e => e.Data.GetProperty("progress").GetProperty("percent").GetDouble()).ToList();
        Assert.Equal(percents.Order(), percents);
        var stage2 = rest.First(e => StageOf(e) == "stage2 0").Data.GetProperty("progress");
        Assert.Equal((0, 30), (stage2.GetProperty("tokens").GetInt64(), stage2.GetProperty("frames").GetInt64()));
        Assert.True(rest.First(e => StageOf(e) == "stage2 0").Data.GetProperty("estimated_seconds_left").GetDouble() >= 0);
    }

    [Fact]
    public async Task Sections_have_start_times_before_the_song_is_finished()
    {
        var job = await _client.SubmitAsync("one");
        await _client.WhenAsync(job, "running");
        Assert.Empty((await _client.GetJsonAsync(job)).GetProperty("sections").EnumerateArray());
        using var events = await EventStream.OpenAsync(_client, job);
        _stage["one"].Report(new(SongStage.Stage1, 2, 2, 10, 100, 0.3) { Starts = [new("verse", 0), new("chorus", 12.34)] });
        var now = (await events.NextAsync())!.Value.Data;
        while (now.GetProperty("sections").GetArrayLength() == 0)
        {
            now = (await events.NextAsync())!.Value.Data;
        }

        var shown = await _client.GetJsonAsync(job);
        foreach (var sections in new[] { now, shown }.Select(body => body.GetProperty("sections").EnumerateArray().ToArray()))
        {
            Assert.Equal(["verse", "chorus"], sections.Select(section => section.GetProperty("tag").GetString()));
            Assert.Equal([0, 12.34], sections.Select(section => section.GetProperty("start_seconds").GetDouble()));
        }

        _stage["one"].Finish();
        var done = await _client.WhenAsync(job, "succeeded");
        Assert.Equal(JsonValueKind.Null, done.GetProperty("sections").ValueKind);
        Assert.Equal(
            [0, 0.06], done.GetProperty("song").GetProperty("sections").EnumerateArray()
                .Select(section => section.GetProperty("start_seconds").GetDouble()));
    }

    [Fact]
    public async Task A_watcher_that_reconnects_with_its_last_event_id_gets_every_event_once()
    {
        var job = await _client.SubmitAsync("one");
        await _client.WhenAsync(job, "running");
        (string Id, string Name, JsonElement Data) last;
        using (var events = await EventStream.OpenAsync(_client, job))
        {
            do
            {
                last = (await events.NextAsync())!.Value;
            }
            while (last.Name != "running");
        }

        Sing("one");
        await _client.WhenAsync(job, "succeeded");
        var again = await _client.SubmitAsync("two");
        await _client.WhenAsync(again, "running");
        string lastId;
        using (var events = await EventStream.OpenAsync(_client, again))
        {
            lastId = await LastIdAsync(events, "stage1 1");
        }

        _stage["two"].Report(new(SongStage.Stage1, 2, 2, 1, 100, 0.3));
        _stage["two"].Report(new(SongStage.Stage2, 0, 2, 1, 60, 0.6));
        await Eventually.TrueAsync(
            () => _client.GetJsonAsync(again).Result.GetProperty("progress").GetProperty("stage").GetString() == "stage2");
        using (var events = await EventStream.OpenAsync(_client, again, lastId))
        {
            Assert.Equal("stage1 2", StageOf((await events.NextAsync())!.Value));
            Assert.Equal("stage2 0", StageOf((await events.NextAsync())!.Value));
            _stage["two"].Finish();
            Assert.Equal("succeeded", (await events.NextAsync())!.Value.Name);
            Assert.Null(await events.NextAsync());
        }

        using var over = new HttpRequestMessage(HttpMethod.Get, again + "/events");
        over.Headers.Add("Last-Event-ID", "end");
        using var response = await _client.SendAsync(over, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);

        // A finished job sends only its last event, even to a watcher that reconnects with the id of an earlier one.
        using var other = await EventStream.OpenAsync(_client, job, last.Id);
        Assert.Equal(["succeeded"], (await other.RestAsync()).Select(e => e.Name));
    }

    [Fact]
    public async Task A_watcher_is_notified_when_the_job_is_cancelled()
    {
        var job = await _client.SubmitAsync("one");
        await _client.WhenAsync(job, "running");
        using var events = await EventStream.OpenAsync(_client, job);
        using var cancelled = await _client.DeleteAsync(job, TestContext.Current.CancellationToken);
        var rest = await events.RestAsync();
        Assert.Equal(("end", "cancelled"), (rest[^1].Id, rest[^1].Name));
    }

    [Fact]
    public async Task A_job_that_ends_while_an_event_is_being_written_still_sends_its_end()
    {
        using var app = new YueApp();
        var stage = new StagedEngine(app.Engine);
        using var client = app.CreateClient();
        var job = await client.SubmitAsync("one");
        await client.WhenAsync(job, "running");
        using var body = new HeldStream();
        var events = app.Server.SendAsync(
            http =>
            {
                http.Request.Path = job + "/events";
                http.Response.Body = body;
            },
            TestContext.Current.CancellationToken);
        await body.Started.Task.InTime();
        stage["one"].Finish();
        await client.WhenAsync(job, "succeeded");
        body.Released.SetResult();
        await events.InTime();
        Assert.Contains("id: end\nevent: succeeded\n", Encoding.UTF8.GetString(body.ToArray()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_idle_event_stream_has_a_heartbeat()
    {
        var job = await _client.SubmitAsync("one");
        await _client.WhenAsync(job, "running");
        using var events = await EventStream.OpenAsync(_client, job);
        string? line;
        do
        {
            line = await events.ReadLineAsync();
        }
        while (line is not null && !line.StartsWith(':'));
        Assert.Equal(": waiting", line);
        _stage["one"].Finish();
    }

    [Fact]
    public async Task A_slow_reader_does_not_block_the_engine_and_gets_the_latest_counts()
    {
        const int Steps = 200_000;
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var reported = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var finish = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _app.Engine.Sing = async (request, progress, _) =>
        {
            progress!.Report(new(SongStage.Stage1, 1, 1, 0, Steps, 0));
            await go.Task;
            for (var i = 1; i <= Steps; i++)
            {
                progress.Report(new(SongStage.Stage1, 1, 1, i, Steps, (double)i / Steps));
            }

            reported.SetResult();
            await finish.Task;
            return FakeSongEngine.Song(request);
        };
        var job = await _client.SubmitAsync("one");
        await _client.WhenAsync(job, "running");
        var readers = new List<EventStream>();
        for (var i = 0; i < 20; i++)
        {
            // These readers open the stream and read nothing.
            readers.Add(await EventStream.OpenAsync(_client, job));
        }

        // The engine reports all steps while nobody is reading. A reader then gets the latest counts and only a few earlier ones.
        go.SetResult();
        await reported.Task.InTime();
        var events = 0;
        for (var tokens = 0L; tokens < Steps; events++)
        {
            tokens = (await readers[0].NextAsync())!.Value.Data.GetProperty("progress").GetProperty("tokens").GetInt64();
        }

        Assert.InRange(events, 1, Steps / 100);
        finish.SetResult();
        Assert.Equal(["succeeded"], (await readers[0].RestAsync()).Select(e => e.Name));
        readers.ForEach(reader => reader.Dispose());
    }

    private void Sing(string lyrics)
    {
        _stage[lyrics].Report(new(SongStage.Stage1, 1, 2, 10, 100, 0.05));
        _stage[lyrics].Report(new(SongStage.Stage1, 2, 2, 10, 100, 0.3));
        _stage[lyrics].Report(new(SongStage.Stage2, 0, 2, 30, 60, 0.6));
        _stage[lyrics].Report(new(SongStage.Decode, 0, 2, 30, 60, 0.9));
        _stage[lyrics].Finish();
    }

    private static async Task<string> LastIdAsync(EventStream events, string stage)
    {
        while (true)
        {
            var e = (await events.NextAsync())!.Value;
            if (StageOf(e) == stage)
            {
                return e.Id;
            }
        }
    }

    private static string StageOf((string Id, string Name, JsonElement Data) e) =>
        e.Data.GetProperty("progress") is { ValueKind: JsonValueKind.Object } progress
            ? $"{progress.GetProperty("stage").GetString()} {progress.GetProperty("section").GetInt32()}"
            : "";

    /// <summary>A response body that accepts no data until the test releases it.</summary>
    private sealed class HeldStream : MemoryStream
    {
        /// <summary>Completes when the first write begins.</summary>
        public TaskCompletionSource Started { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Released { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Started.TrySetResult();
            await Released.Task.WaitAsync(cancellationToken);
            await base.WriteAsync(buffer, cancellationToken);
        }
    }
}
