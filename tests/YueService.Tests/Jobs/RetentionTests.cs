using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Xunit;
using Yue.Engine;
using YueService.Contracts;
using YueService.Jobs;
using YueService.Settings;
using YueService.Tests.Fakes;

namespace YueService.Tests.Jobs;

/// <summary>Finished songs are kept for a time and up to a size.</summary>
public sealed class RetentionTests : IDisposable
{
    private readonly TemporaryFolder _state = new();
    private readonly Clock _clock = new();
    private readonly JobOptions _options;
    private readonly SqliteJobStore _store;
    private readonly SongFolder _songs;

    public RetentionTests()
    {
        _options = new JobOptions { StateFolder = _state.Path, KeepSongsDays = 10, KeepSongsMegabytes = 2 };
        _store = new(Options.Create(_options), _clock);
        _songs = new(Options.Create(_options));
    }

    public void Dispose()
    {
        _store.Dispose();
        _state.Dispose();
    }

    [Fact]
    public async Task What_is_too_old_goes_and_what_is_not_finished_stays()
    {
        await FinishAsync("old", 10);
        await _store.AddAsync(Job("queued"), TestContext.Current.CancellationToken);
        _clock.Now += TimeSpan.FromDays(6);
        await FinishAsync("young", 10);
        _clock.Now += TimeSpan.FromDays(6);
        Assert.Equal(["queued", "young"], await SweptAsync());
        Assert.Null(_songs.Find("old"));
        Assert.NotNull(_songs.Find("young"));
    }

    [Fact]
    public async Task When_all_take_too_much_the_oldest_go_first()
    {
        foreach (var id in new[] { "a", "b", "c", "d" })
        {
            await FinishAsync(id, 800_000);
        }

        Assert.Equal(["c", "d"], await SweptAsync());
    }

    [Fact]
    public async Task A_clock_that_steps_back_removes_nothing_and_keeps_the_order()
    {
        await FinishAsync("a", 10);
        _clock.Now -= TimeSpan.FromDays(400);
        await FinishAsync("b", 10);
        Assert.Equal(["a", "b"], await SweptAsync());
        var newest = await _store.ListAsync(null, 10, TestContext.Current.CancellationToken);
        Assert.Equal(["b", "a"], newest.Select(job => job.Id));
    }

    [Fact]
    public async Task Zero_keeps_everything()
    {
        (_options.KeepSongsDays, _options.KeepSongsMegabytes) = (0, 0);
        await FinishAsync("a", 3_000_000);
        _clock.Now += TimeSpan.FromDays(4000);
        Assert.Equal(["a"], await SweptAsync());
    }

    private static NewJob Job(string id) => new(id, new JobRequest(new SongRequest { Lyrics = "la" }, null, null, []), null, null);

    private async Task FinishAsync(string id, int bytes)
    {
        await _store.AddAsync(Job(id), TestContext.Current.CancellationToken);
        var song = new FinishedSong(44100, 1, 42, "en", new TimingsBody(0, 1, 1, 1, 3, 10, 3), [], [], [SongFolder.Mix]);
        _songs.Write(id, song, new("en", []), [new(SongFolder.Mix, new byte[bytes])]);
        await _store.SucceedAsync(id, song, TestContext.Current.CancellationToken);
    }

    /// <summary>The jobs that a sweep leaves, in order.</summary>
    private async Task<IEnumerable<string>> SweptAsync()
    {
        var cancel = TestContext.Current.CancellationToken;
        await new Retention(_store, _songs, Options.Create(_options), _clock, NullLogger<Retention>.Instance).SweepAsync(cancel);
        return (await _store.ListAsync(null, 100, cancel)).Select(job => job.Id).Order(StringComparer.Ordinal);
    }

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
