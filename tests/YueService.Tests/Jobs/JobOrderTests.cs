using Microsoft.Extensions.Options;
using Xunit;
using Yue.Engine.Songs;
using Yue.Testing;
using YueService.Jobs;
using YueService.Settings;
using YueService.Tests.Fakes;

namespace YueService.Tests.Jobs;

/// <summary>Tests the queue: its slots, its limits, and the time estimates for jobs.</summary>
public sealed class JobOrderTests : IDisposable
{
    private readonly JobOptions _options = new() { QueueCapacity = 3 };
    private readonly JobOrder _order;
    private readonly List<Job> _jobs = [];

    public JobOrderTests() => _order = new(Options.Create(_options));

    public void Dispose() => _jobs.ForEach(job => job.Dispose());

    [Fact]
    public void Jobs_are_claimed_in_order_and_keep_their_positions_until_they_start()
    {
        var (first, second, third) = (Add(), Add(), Add());
        Assert.Equal([1, 2, 3], Positions(first, second, third));
        Assert.True(_order.IsFull);
        Assert.Equal(IntakeOutcome.QueueFull, _order.Reserve());

        Assert.True(_order.TryClaim(out var claimed));
        Assert.Same(first, claimed);
        Assert.Equal([1, 2, 3], Positions(first, second, third));
        Assert.Equal(2, _order.Depth);
        Assert.False(_order.IsFull);

        Assert.True(_order.Remove(first));
        Assert.Equal([0, 1, 2], Positions(first, second, third));
        Assert.False(_order.Remove(first));
        Assert.True(_order.TryClaim(out claimed));
        Assert.Same(second, claimed);
    }

    [Fact]
    public void A_job_can_be_withdrawn_until_it_is_claimed()
    {
        var (first, second, third) = (Add(), Add(), Add());
        Assert.True(_order.TryWithdraw(second));
        Assert.Equal([1, 0, 2], Positions(first, second, third));
        Assert.True(_order.TryClaim(out _));
        Assert.False(_order.TryWithdraw(first));
        Assert.True(_order.TryClaim(out var claimed));
        Assert.Same(third, claimed);
        Assert.False(_order.TryClaim(out _));
    }

    [Fact]
    public void A_reserved_slot_counts_until_it_is_released()
    {
        Assert.Equal(IntakeOutcome.Accepted, _order.Reserve(3));
        Assert.Equal(0, _order.Depth);
        Assert.Equal(IntakeOutcome.QueueFull, _order.Reserve());
        _order.Release();
        Assert.Equal(IntakeOutcome.Accepted, _order.Reserve());
    }

    [Fact]
    public void Each_API_key_has_its_own_limit_within_the_total()
    {
        _options.QueueCapacityPerKey = 2;
        Add(owner: "a");
        Assert.Equal(IntakeOutcome.OwnerQueueFull, _order.Reserve(2, "a"));
        Assert.Equal(IntakeOutcome.Accepted, _order.Reserve(1, "a"));
        Assert.Equal(IntakeOutcome.OwnerQueueFull, _order.Reserve(1, "a"));
        Assert.Equal(IntakeOutcome.Accepted, _order.Reserve(1, "b"));
        Assert.Equal(IntakeOutcome.QueueFull, _order.Reserve(1, "a"));
        _order.Release(1, "b");
        Assert.True(_order.TryClaim(out _));
        Assert.Equal(IntakeOutcome.Accepted, _order.Reserve(1, "a"));
        _order.Release(2, "a");
        Assert.Equal(IntakeOutcome.Accepted, _order.Reserve(3));
    }

    [Fact]
    public void Restored_jobs_queue_before_waiting_ones_and_may_exceed_the_limit()
    {
        var (claimed, waiting) = (Add(), Add());
        Assert.True(_order.TryClaim(out _));
        Job[] restored = [New(), New(), New()];
        _order.Restore(restored);
        Assert.Equal([1, 2, 3, 4, 5], Positions([claimed, .. restored, waiting]));
        Assert.True(_order.IsFull);
        foreach (var job in restored)
        {
            Assert.True(_order.TryClaim(out var next));
            Assert.Same(job, next);
        }
    }

    [Fact]
    public async Task The_wait_for_a_job_ends_when_one_is_queued()
    {
        var cancel = TestContext.Current.CancellationToken;
        var waiting = _order.WhenWaitingAsync(cancel);
        Assert.False(waiting.IsCompleted);
        Add();
        await waiting.InTime();
        Assert.True(_order.TryClaim(out _));
        Assert.False(_order.WhenWaitingAsync(cancel).IsCompleted);
        _order.Restore([New()]);
        await _order.WhenWaitingAsync(cancel).InTime();
    }

    [Fact]
    public void A_change_of_position_publishes_an_update()
    {
        var (first, second) = (Add(), Add());
        var before = second.Feed.Latest.Number;
        _order.Remove(first);
        Assert.Equal(before + 1, second.Feed.Latest.Number);
    }

    [Fact]
    public void The_estimate_includes_the_songs_ahead_and_the_song_itself()
    {
        using var engine = new FakeSongEngine { Work = request => request.Lyrics.Length };
        var estimate = Estimate(engine);
        Assert.Null(estimate.SecondsForNew(Lyrics(10), takes: 1));

        // Two seconds per character.
        using var measured = New("la la");
        estimate.Measure(measured, TimeSpan.FromSeconds(10));
        Assert.Equal(20, estimate.SecondsForNew(Lyrics(10), takes: 1));
        Assert.Equal(60, estimate.SecondsForNew(Lyrics(10), takes: 3));
        var (first, second) = (Add("la"), Add("la la"));
        Assert.Equal([4.0, 14.0], new[] { first, second }.Select(job => estimate.SecondsLeft(job.Feed.Latest, job)!.Value));
        Assert.Equal(14 + 20, estimate.SecondsForNew(Lyrics(10), takes: 1));

        // With two slots, both songs start immediately, and a new song starts when the shorter one ends.
        engine.Status = engine.Status with { SongsAtOnce = 2 };
        Assert.Equal([4.0, 10.0], new[] { first, second }.Select(job => estimate.SecondsLeft(job.Feed.Latest, job)!.Value));
        Assert.Equal(4 + 20, estimate.SecondsForNew(Lyrics(10), takes: 1));
    }

    [Fact]
    public void The_estimate_includes_the_rest_of_running_songs()
    {
        using var engine = new FakeSongEngine();
        var estimate = Estimate(engine);
        using var running = New();
        estimate.Measure(running, TimeSpan.FromSeconds(1000));
        estimate.Begin(running);
        running.Report(new(SongStage.Stage1, 1, 1, 0, 100, 0));
        Assert.InRange(estimate.SecondsForNew(Lyrics(10), takes: 1)!.Value, 1900, 2000);

        // Once 2 % is done, the estimate is based on the progress. Here almost nothing is left.
        running.Report(new(SongStage.Decode, 1, 1, 100, 100, 1));
        Assert.Equal(1000, estimate.SecondsForNew(Lyrics(10), takes: 1));
        estimate.End(running);
        Assert.Equal(1000, estimate.SecondsForNew(Lyrics(10), takes: 1));
    }

    [Fact]
    public void A_song_whose_work_is_unknown_is_estimated_at_the_average_time()
    {
        using var engine = new FakeSongEngine { Work = _ => null };
        var estimate = Estimate(engine);
        using var measured = New();
        estimate.Measure(measured, TimeSpan.FromSeconds(10));
        Assert.Equal(10, estimate.SecondsForNew(Lyrics(1000), takes: 1));
    }

    [Fact]
    public void Callers_that_find_the_queue_full_are_sent_different_retry_times()
    {
        using var engine = new FakeSongEngine();
        engine.Status = engine.Status with { SongsAtOnce = 2, Running = 2 };
        var estimate = Estimate(engine);
        var (first, second) = (Add(), Add());
        Assert.Null(estimate.SongTime);
        Assert.Null(estimate.SecondsLeft(second.Feed.Latest, second));
        Assert.InRange(estimate.RetryAfter().TotalSeconds, 5, 15);

        estimate.Measure(first, TimeSpan.FromSeconds(10));
        Assert.Equal([10.0, 10.0], new[] { first, second }.Select(job => estimate.SecondsLeft(job.Feed.Latest, job)!.Value));
        estimate.Measure(first, TimeSpan.FromSeconds(20));
        Assert.Equal(15, estimate.SongTime!.Value.TotalSeconds);

        // Retry times are spread from the end of the next song to the end of all four.
        var waits = Enumerable.Range(0, 200).Select(_ => estimate.RetryAfter().TotalSeconds).ToArray();
        Assert.All(waits, wait => Assert.InRange(wait, 7.5, 30));
        Assert.True(waits.Max() - waits.Min() > 10, "the callers would all retry at the same time");
    }

    private JobEstimate Estimate(FakeSongEngine engine) =>
        new(engine, new Lazy<IJobBoard>(new LocalBoard(_order, worker: null!, new JobEvents())));

    private static SongRequest Lyrics(int length) => new() { Lyrics = new string('a', length) };

    private Job Add(string lyrics = "la", string? owner = null)
    {
        Assert.Equal(IntakeOutcome.Accepted, _order.Reserve(1, owner));
        var job = New(lyrics, owner);
        _order.Add(job);
        return job;
    }

    private Job New(string lyrics = "la", string? owner = null)
    {
        var request = new JobRequest(new SongRequest { Lyrics = lyrics }, null, null, []);
        var job = Job.Awaited(request, encoder: null, DateTimeOffset.UnixEpoch, owner, CancellationToken.None);
        _jobs.Add(job);
        return job;
    }

    private static int[] Positions(params Job[] jobs) => [.. jobs.Select(job => job.Position)];
}
