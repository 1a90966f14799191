using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Xunit;
using Yue.Engine.Songs;
using Yue.Testing;
using YueService.Jobs;
using YueService.Jobs.Shared;
using YueService.Settings;

namespace YueService.Tests.Machines;

/// <summary>Tests that files without a job are removed, unless there are suspiciously many.</summary>
public sealed class SharedSweepTests(SharedPostgres postgres) : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private readonly Clock _clock = new();
    private PostgresDatabase _database = null!;
    private PostgresJobLog _log = null!;
    private FolderFiles _files = null!;
    private readonly JobSignals _signals = new();
    private SharedSweep _sweep = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var settings = new SharedSettings(ServiceRole.Both, Options.Create(new StoreOptions()));
        _database = new(await (await postgres.Server).NewDatabaseAsync(), TimeProvider.System);
        _log = new(
            _database,
            settings,
            Options.Create(new JobOptions()),
            Options.Create(new AccessOptions()),
            NullLogger<PostgresJobLog>.Instance);
        _files = new(_folder.Path, claim: null, _clock);
        _sweep = new(
            _files, _log, new PostgresCallers(_database, _signals), settings, _signals, _clock, NullLogger<SharedSweep>.Instance);
        await _log.OpenAsync(Cancel);
    }

    public ValueTask DisposeAsync()
    {
        _sweep?.Dispose();
        _signals.Dispose();
        _database?.Dispose();
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Files_without_a_job_are_removed_after_a_day_and_sound_after_an_hour()
    {
        var job = Assert.Single((await _log.AddAsync(
            [new("done", new JobRequest(new SongRequest { Lyrics = "la" }, null, null, []), null, null)], null, Cancel)).Jobs);
        await _log.AddAsync([new("waits", job.Request, null, null)], null, Cancel);
        await _log.FailAsync(job with { Folder = "done/1-a" }, new Fault(FaultKind.SongFailed, "why"), Cancel);
        foreach (var name in new[]
        {
            "songs/done/mix.wav", "songs/lost/1-b/mix.wav", "references/waits-0.f32", "references/done-0.f32", "sound/x/1/mix/0",
        })
        {
            await _files.WriteAsync(name, new byte[1], Cancel);
        }

        File.WriteAllText(_folder["songs/done/mix.wav.x.part"], "");
        Assert.Empty(await _sweep.SweepAsync(Cancel));
        _clock.Now += TimeSpan.FromHours(2);
        Assert.Equal(["sound/x/1/mix/0"], await _sweep.SweepAsync(Cancel));
        Assert.True(File.Exists(_folder["songs/done/mix.wav.x.part"]));
        _clock.Now += TimeSpan.FromHours(23);
        Assert.Equal(["references/done-0.f32", "songs/lost/1-b"], (await _sweep.SweepAsync(Cancel)).Order());
        Assert.Equal(2, (await _files.ListAsync("", Cancel)).Count);
        Assert.False(File.Exists(_folder["songs/done/mix.wav.x.part"]));
    }

    [Fact]
    public async Task Nothing_is_removed_if_most_songs_have_no_job()
    {
        foreach (var i in Enumerable.Range(0, 30))
        {
            await _files.WriteAsync($"songs/{i}/mix.wav", new byte[1], Cancel);
        }

        _clock.Now += TimeSpan.FromDays(2);
        Assert.Empty(await _sweep.SweepAsync(Cancel));
        Assert.Equal(30, (await _files.ListAsync("songs/", Cancel)).Count);
    }

    [Fact]
    public async Task A_file_that_belongs_to_no_song_is_kept()
    {
        await _files.WriteAsync("songs/marker", new byte[1], Cancel);
        _clock.Now += TimeSpan.FromDays(2);
        Assert.Empty(await _sweep.SweepAsync(Cancel));
        Assert.Single(await _files.ListAsync("songs/", Cancel));
    }

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = DateTimeOffset.UtcNow;

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
