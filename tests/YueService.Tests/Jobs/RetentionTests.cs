using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Xunit;
using Yue.Engine.Songs;
using Yue.Testing;
using YueService.Jobs;
using YueService.Settings;
using YueService.Tests.Fakes;

namespace YueService.Tests.Jobs;

/// <summary>Tests that finished songs are kept for a limited time and up to a total size.</summary>
public sealed class RetentionTests : IDisposable
{
    private readonly TemporaryFolder _state = new();
    private readonly Clock _clock = new();
    private readonly JobOptions _options;
    private readonly SqliteJobLog _store;
    private readonly FolderFiles _files;
    private readonly SongFolder _songs;
    private Retention _retention = null!;

    public RetentionTests()
    {
        _options = new JobOptions { StateFolder = _state.Path, KeepSongsDays = 10, KeepSongsMegabytes = 2 };
        var folder = new StateFolder(Options.Create(_options));
        _store = new(folder, Options.Create(new AccessOptions()), _clock, NullLogger<SqliteJobLog>.Instance);
        _files = new(_state.Path, folder.Claim, _clock);
        _songs = new(_files, NullLogger<SongFolder>.Instance);
        Restart();
    }

    public void Dispose()
    {
        _store.Dispose();
        _state.Dispose();
    }

    [Fact]
    public async Task Old_jobs_are_removed_and_unfinished_ones_are_kept()
    {
        await _store.OpenAsync(TestContext.Current.CancellationToken);
        await SweepAsync();
        await FinishAsync("old", 10);
        await _store.AddAsync([Job("queued")], group: null, TestContext.Current.CancellationToken);
        await SweepAsync();
        _clock.Advance(TimeSpan.FromDays(6));
        await FinishAsync("young", 10);
        await SweepAsync();
        _clock.Advance(TimeSpan.FromDays(6));
        Assert.Equal(["queued", "young"], await SweepAsync());
        Assert.Equal(["young"], Directory.GetDirectories(_state["songs"]).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Songs_of_an_earlier_process_age_while_the_service_is_stopped()
    {
        await FinishAsync("old", 10);
        _clock.Advance(TimeSpan.FromDays(9.5));
        Restart();
        Assert.Equal(["old"], await SweepAsync());
        _clock.Advance(TimeSpan.FromHours(25));
        Assert.Empty(await SweepAsync());
    }

    [Theory]
    [InlineData(40)]
    [InlineData(-40)]
    public async Task A_clock_jump_removes_nothing(int days)
    {
        await FinishAsync("earlier", 10);
        Restart();
        await SweepAsync();
        await FinishAsync("a", 10);
        _clock.Advance(TimeSpan.FromHours(30));
        Assert.Equal(["a", "earlier"], await SweepAsync());
        _clock.Jump(TimeSpan.FromDays(days));
        Assert.Equal(["a", "earlier"], await SweepAsync());
        _clock.Advance(TimeSpan.FromHours(30));
        Assert.Equal(["a", "earlier"], await SweepAsync());
    }

    [Fact]
    public async Task Songs_are_kept_for_a_day_after_a_start_in_case_the_clock_is_wrong()
    {
        await FinishAsync("a", 10);
        _clock.Jump(TimeSpan.FromDays(40));
        Restart();
        _clock.Advance(TimeSpan.FromHours(23));
        Assert.Equal(["a"], await SweepAsync());
        _clock.Jump(TimeSpan.FromDays(-40));
        _clock.Advance(TimeSpan.FromHours(30));
        Assert.Equal(["a"], await SweepAsync());
        _clock.Advance(TimeSpan.FromDays(10));
        Assert.Empty(await SweepAsync());
    }

    [Fact]
    public async Task A_clock_jump_delays_removal_by_age_for_another_day()
    {
        await FinishAsync("a", 10);
        _clock.Advance(TimeSpan.FromDays(11));
        Restart();
        _clock.Advance(TimeSpan.FromHours(23));
        _clock.Jump(TimeSpan.FromHours(1));
        Assert.Equal(["a"], await SweepAsync());
        _clock.Advance(TimeSpan.FromHours(23));
        Assert.Equal(["a"], await SweepAsync());
        _clock.Advance(TimeSpan.FromHours(2));
        Assert.Empty(await SweepAsync());
    }

    [Fact]
    public async Task Favorites_are_kept_at_any_age_and_do_not_count_toward_the_limit()
    {
        foreach (var id in new[] { "a", "b", "c", "d" })
        {
            await FinishAsync(id, 800_000);
        }

        foreach (var id in new[] { "a", "b" })
        {
            await _store.EditAsync(id, new JobEdit { IsFavourite = true }, TestContext.Current.CancellationToken);
        }

        // The size limit in these tests is two megabytes. Together, the two songs that are not favorites are smaller than that.
        Assert.Equal(["a", "b", "c", "d"], await SweepAsync());
        _clock.Advance(TimeSpan.FromDays(400));
        Assert.Equal(["a", "b"], await SweepAsync());
    }

    [Fact]
    public async Task The_oldest_songs_are_removed_first_when_the_total_is_too_large()
    {
        foreach (var id in new[] { "a", "b", "c", "d" })
        {
            await FinishAsync(id, 800_000);
        }

        Assert.Equal(["c", "d"], await SweepAsync());
    }

    [Fact]
    public async Task A_clock_that_steps_back_removes_nothing_and_keeps_the_order()
    {
        await FinishAsync("a", 10);
        _clock.Jump(TimeSpan.FromDays(-400));
        await FinishAsync("b", 10);
        Assert.Equal(["a", "b"], await SweepAsync());
        var newest = await _store.ListAsync(new JobQuery(10), TestContext.Current.CancellationToken);
        Assert.Equal(["b", "a"], newest.Select(job => job.Id));
    }

    [Fact]
    public async Task Limits_of_zero_keep_everything()
    {
        (_options.KeepSongsDays, _options.KeepSongsMegabytes) = (0, 0);
        await FinishAsync("a", 3_000_000);
        _clock.Advance(TimeSpan.FromDays(4000));
        Assert.Equal(["a"], await SweepAsync());
    }

    private static NewJob Job(string id) => new(id, new JobRequest(new SongRequest { Lyrics = "la" }, null, null, []), null, null);

    private async Task FinishAsync(string id, int bytes)
    {
        var job = (await _store.AddAsync([Job(id)], group: null, TestContext.Current.CancellationToken)).Jobs[0];
        var made = FakeSongEngine.Song(new SongRequest { Lyrics = "la" });
        var song = StoredSong.Of(made, Job(id).Request, new([], null, null, null, []), [SongFolder.Mix]);
        var stored = await _songs.WriteAsync(
            job, song, new("en", []), [new(SongFolder.Mix, new byte[bytes])], TestContext.Current.CancellationToken);
        await _store.SucceedAsync(job, stored, TestContext.Current.CancellationToken);
    }

    /// <summary>Runs a sweep and returns the ids of the remaining jobs, in order.</summary>
    private async Task<IEnumerable<string>> SweepAsync()
    {
        var cancel = TestContext.Current.CancellationToken;
        await _retention.SweepAsync(cancel);
        return (await _store.ListAsync(new JobQuery(100), cancel)).Select(job => job.Id).Order(StringComparer.Ordinal);
    }

    /// <summary>Simulates a restart of the process.</summary>
    private void Restart()
    {
        var clips = new ClipFolder(_files, Options.Create(_options), _clock, NullLogger<ClipFolder>.Instance);
        _retention = new(_store, _songs, clips, _files, new JobEvents(), Options.Create(_options), _clock, NullLogger<Retention>.Instance);
    }

    private sealed class Clock : TimeProvider
    {
        private DateTimeOffset _now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        private long _ticks = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override DateTimeOffset GetUtcNow() => _now;

        public override long GetTimestamp() => _ticks;

        public void Advance(TimeSpan time)
        {
            _now += time;
            _ticks += time.Ticks;
        }

        public void Jump(TimeSpan time) => _now += time;
    }
}
