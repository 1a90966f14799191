namespace YueService.Jobs;

/// <summary>Guesses when a song will be there.</summary>
internal static class JobEstimate
{
    // Earlier the elapsed time says nothing about the rest.
    private const double MinFraction = 0.02;

    /// <summary>Seconds left, from measured times; null when the job is finished or nothing was measured yet.</summary>
    public static double? SecondsLeft(JobEvent now, QueuedSong song, IJobQueue queue) => now.State switch
    {
        JobState.Running when now.Progress is { } progress && SecondsLeft(progress.Fraction, song.Running) is { } left => Round(left),
        JobState.Running when queue.SongTime is { } whole => Round(Math.Max(0, (whole - song.Running).TotalSeconds)),
        JobState.Queued when queue.SongTime is { } whole => Round(whole.TotalSeconds * (song.Position + 1)),
        JobState.Queued => Round(queue.EstimatedWait.TotalSeconds),
        _ => null,
    };

    /// <summary>Seconds left of work of which a fraction was done so far; null where that says nothing about the rest.</summary>
    public static double? SecondsLeft(double fraction, TimeSpan elapsed) =>
        fraction >= MinFraction ? elapsed.TotalSeconds * (1 - fraction) / fraction : null;

    private static double Round(double seconds) => Math.Round(seconds, 1);
}
