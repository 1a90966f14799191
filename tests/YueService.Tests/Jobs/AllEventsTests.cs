using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;
using Yue.Engine.Songs;
using Yue.Testing;
using YueService.Jobs;
using YueService.Tests.Fakes;

namespace YueService.Tests.Jobs;

/// <summary>Tests the events of all jobs on one connection.</summary>
public sealed class AllEventsTests : IDisposable
{
    private readonly YueApp _app = YueApp.OnSocket(("Yue:EventHeartbeatSeconds", "1"));
    private readonly StagedEngine _stage;
    private readonly HttpClient _client;

    public AllEventsTests()
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
    public async Task A_watcher_gets_the_current_jobs_and_then_every_change()
    {
        var one = await RunAsync("one");
        using var events = await EventStream.OpenAllAsync(_client);
        var first = (await events.NextAsync())!.Value;
        Assert.Equal("snapshot", first.Name);
        var job = Assert.Single(first.Data.GetProperty("jobs").EnumerateArray());
        Assert.Equal((Id(one), "running", "one"), (Text(job, "id"), Text(job, "state"), Text(job, "title")));

        var two = await _client.SubmitAsync("two");
        var queued = await UntilAsync(events, e => e.Name == "queued" && Text(e.Data, "id") == Id(two));
        Assert.Equal("two", Text(queued.Data, "title"));
        _stage["one"].Report(new(SongStage.Stage2, 0, 2, 30, 60, 0.6));
        var stage = await UntilAsync(events, e => e.Name == "running" && Progress(e) == "stage2");
        Assert.Equal(Id(one), Text(stage.Data, "id"));

        // The second song may start before the first song's end is stored.
        _stage["one"].Finish();
        var awaited = new HashSet<(string, string)> { ("succeeded", Id(one)), ("running", Id(two)) };
        await UntilAsync(events, e => awaited.Remove((e.Name, Text(e.Data, "id")!)) && awaited.Count == 0);
        _stage["two"].Fail(new SongException("no"));
        var failed = await UntilAsync(events, e => e.Name == "failed");
        Assert.Equal("urn:yue:song-failed", Text(failed.Data.GetProperty("error"), "type"));

        using var edit = await _client.PatchAsJsonAsync(one, new { title = "A new name" }, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, edit.StatusCode);
        Assert.Equal("A new name", Text((await UntilAsync(events, e => e.Name == "edited")).Data, "title"));
        using var deleted = await _client.DeleteAsync(one, TestContext.Current.CancellationToken);
        Assert.Equal(Id(one), Text((await UntilAsync(events, e => e.Name == "removed")).Data, "id"));
    }

    [Fact]
    public async Task A_watcher_that_reconnects_gets_every_change_and_the_latest_progress()
    {
        await RunAsync("one");
        string last;
        using (var events = await EventStream.OpenAllAsync(_client))
        {
            last = (await events.NextAsync())!.Value.Id;
        }

        for (var i = 1; i <= 1000; i++)
        {
            _stage["one"].Report(new(SongStage.Stage1, 1, 2, i, 2000, 0.0001 * i));
        }

        _stage["one"].Report(new(SongStage.Stage1, 2, 2, 1, 2000, 0.5));
        _stage["one"].Report(new(SongStage.Stage1, 2, 2, 7, 2000, 0.5));
        await Eventually.TrueAsync(() => _app.Services.GetRequiredService<JobWorker>().Unfinished[0].Feed.Latest.Progress?.Done == 7);
        using var again = await EventStream.OpenAllAsync(_client, last);
        var section = (await again.NextAsync())!.Value;
        Assert.Equal((2, 1), Counts(section));
        Assert.Equal((2, 7), Counts((await again.NextAsync())!.Value));
    }

    [Theory]
    [InlineData("0123456789abcdef-1")]
    [InlineData("end")]
    [InlineData("")]
    public async Task A_stream_with_an_unknown_event_id_begins_with_a_snapshot(string id)
    {
        await RunAsync("one");
        using var events = await EventStream.OpenAllAsync(_client, id);
        Assert.Equal("snapshot", (await events.NextAsync())!.Value.Name);
    }

    [Fact]
    public async Task A_stream_with_an_event_id_that_is_too_old_begins_with_a_snapshot()
    {
        var one = await RunAsync("one");
        string last;
        using (var events = await EventStream.OpenAllAsync(_client))
        {
            last = (await events.NextAsync())!.Value.Id;
        }

        var hub = _app.Services.GetRequiredService<JobEvents>();
        for (var i = 0; i < JobEvents.MaxMarks; i++)
        {
            hub.Removed("x");
        }

        using (var events = await EventStream.OpenAllAsync(_client, last))
        {
            Assert.Equal("removed", (await events.NextAsync())!.Value.Name);
        }

        for (var i = 0; i < 10; i++)
        {
            hub.Removed("x");
        }

        using var late = await EventStream.OpenAllAsync(_client, last);
        var snapshot = (await late.NextAsync())!.Value;
        Assert.Equal(("snapshot", Id(one)), (snapshot.Name, Text(snapshot.Data.GetProperty("jobs")[0], "id")));
        _stage["one"].Finish();
        await UntilAsync(late, e => e.Name == "succeeded");
    }

    [Fact]
    public void Old_changes_are_forgotten_and_a_new_one_notifies_the_watchers()
    {
        var hub = new JobEvents();
        for (var i = 0; i < 3 * JobEvents.MaxMarks; i++)
        {
            hub.Removed("x");
        }

        Assert.Null(hub.After(0, out _));
        Assert.Null(hub.After((2 * JobEvents.MaxMarks) - 1, out _));
        Assert.Equal(JobEvents.MaxMarks, hub.After(2 * JobEvents.MaxMarks, out var changed)!.Count);
        Assert.False(changed.IsCompleted);
        hub.Removed("y");
        Assert.True(changed.IsCompleted);
        Assert.Equal(["y"], hub.After(3 * JobEvents.MaxMarks, out _)!.Select(e => e.JobId));
    }

    [Fact]
    public async Task An_idle_stream_has_heartbeats_and_ends_when_the_service_stops()
    {
        using var events = await EventStream.OpenAllAsync(_client);
        Assert.Empty((await events.NextAsync())!.Value.Data.GetProperty("jobs").EnumerateArray());
        Assert.Equal(": waiting", await events.ReadLineAsync());
        var stop = _app.Services.GetRequiredService<IHost>().StopAsync(TestContext.Current.CancellationToken);
        while (await events.ReadLineAsync() is not null)
        {
        }

        await stop;
    }

    private async Task<string> RunAsync(string lyrics)
    {
        var job = await _client.SubmitAsync(lyrics);
        await _stage[lyrics].Started.Task.InTime();
        await _client.WhenAsync(job, "running");
        return job;
    }

    private static async Task<(string Id, string Name, JsonElement Data)> UntilAsync(
        EventStream events, Func<(string Id, string Name, JsonElement Data), bool> matches)
    {
        return await FindAsync().InTime();

        async Task<(string Id, string Name, JsonElement Data)> FindAsync()
        {
            while (true)
            {
                var e = (await events.NextAsync())!.Value;
                if (matches(e))
                {
                    return e;
                }
            }
        }
    }

    private static (int Section, int Tokens) Counts((string Id, string Name, JsonElement Data) e)
    {
        var progress = e.Data.GetProperty("progress");
        return (progress.GetProperty("section").GetInt32(), progress.GetProperty("tokens").GetInt32());
    }

    private static string? Progress((string Id, string Name, JsonElement Data) e) =>
        e.Data.GetProperty("progress") is { ValueKind: JsonValueKind.Object } progress ? Text(progress, "stage") : null;

    private static string Id(string job) => job.Split('/')[^1];

    private static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();
}
