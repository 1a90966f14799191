using System.Diagnostics;
using System.Diagnostics.Metrics;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using YueService.Telemetry;

namespace YueService.Jobs;

/// <summary>The metrics of songs and of the engine, and the activities of a song's steps.</summary>
internal sealed class SongTelemetry : IDisposable
{
    private readonly Meter _meter;
    private readonly Counter<long> _songs;
    private readonly Histogram<double> _stageSeconds;
    private readonly Histogram<double> _tokensRate;
    private readonly Histogram<double> _realTimeFactor;

    // Songs take seconds to many minutes; the default buckets are for milliseconds.
    private static readonly InstrumentAdvice<double> SecondsBuckets =
        new() { HistogramBucketBoundaries = [0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600] };

    private static readonly InstrumentAdvice<double> RateBuckets =
        new() { HistogramBucketBoundaries = [1, 2, 5, 10, 20, 50, 100, 150, 200, 300, 500, 1000] };

    private static readonly InstrumentAdvice<double> FactorBuckets =
        new() { HistogramBucketBoundaries = [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 100] };

    public SongTelemetry(ISongEngine engine, IServiceProvider services, IMeterFactory meters)
    {
        _meter = meters.Create(YueTelemetry.Name);
        _songs = _meter.CreateCounter<long>("yue.songs", "{song}", "Songs by outcome.");
        _stageSeconds = _meter.CreateHistogram("yue.stage.duration", "s", "Wall-clock time of a step of a song.", advice: SecondsBuckets);
        _tokensRate = _meter.CreateHistogram("yue.tokens.rate", "{token}/s", "Stage-1 tokens per second of a song.", advice: RateBuckets);
        _realTimeFactor = _meter.CreateHistogram(
            "yue.real_time_factor", "1", "Seconds from submission to sound, per second of audio.", advice: FactorBuckets);
        _meter.CreateObservableGauge("yue.queue.depth", () => services.GetRequiredService<IJobBoard>().Depth, "{song}", "Waiting songs.");
        _meter.CreateObservableGauge("yue.songs.running", () => engine.Status.Running, "{song}", "Songs being made.");
        _meter.CreateObservableGauge("yue.gpu.memory", () => GpuMemory(engine.Status), "By", "Memory of the GPU by kind.");
    }

    /// <summary>Records a song that has succeeded, failed or been cancelled.</summary>
    public void Record(Job job)
    {
        _songs.Add(1, new KeyValuePair<string, object?>("outcome", Outcome(job.Song)));
        if (!job.Song.IsCompletedSuccessfully)
        {
            return;
        }

        var timings = job.Song.Result.Timings;
        foreach (var (stage, seconds) in Stages(timings))
        {
            _stageSeconds.Record(seconds, new KeyValuePair<string, object?>("stage", stage));
        }

        if (timings.TokensPerSecond > 0)
        {
            RecordFinite(_tokensRate, timings.TokensPerSecond);
        }

        RecordFinite(_realTimeFactor, timings.RealTimeFactor);
        Trace(job, timings);
    }

    public void Dispose() => _meter.Dispose();

    /// <summary>Returns the steps that ran: a draft has no stage 2, and a song with stage finish has no stage 1.</summary>
    private static IEnumerable<(string Stage, double Seconds)> Stages(SongTimings timings) => new[]
    {
        ("queue", timings.QueueSeconds),
        ("stage1", timings.Stage1Seconds),
        ("stage2", timings.Stage2Seconds),
        ("decode", timings.DecodeSeconds),
    }.Where(stage => stage.Item2 > 0);

    private static string Outcome(Task<SongResult> song) => song switch
    {
        { IsCompletedSuccessfully: true } => "succeeded",
        { IsCanceled: true } => "cancelled",
        _ => "failed",
    };

    private static void RecordFinite(Histogram<double> histogram, double value)
    {
        if (double.IsFinite(value))
        {
            histogram.Record(value);
        }
    }

    /// <summary>Adds activities for the steps, one after the other from the submission, as children of the request's activity.</summary>
    private static void Trace(Job job, SongTimings timings)
    {
        var start = job.SubmittedAt;
        foreach (var (stage, seconds) in Stages(timings))
        {
            var end = start + TimeSpan.FromSeconds(seconds);
            var step = Start(stage, job.Trace, start);
            if (stage == "stage1" && step is not null)
            {
                TraceSections(job, step, start, end);
            }

            Stop(step, end);
            start = end;
        }
    }

    private static void TraceSections(Job job, Activity stage1, DateTimeOffset start, DateTimeOffset end)
    {
        for (var i = 0; i < job.Sections.Count; i++)
        {
            var section = Start("section", stage1.Context, Earlier(start + job.Sections[i].After, end));
            section?.SetTag("yue.section", job.Sections[i].Section);
            Stop(section, i + 1 < job.Sections.Count ? Earlier(start + job.Sections[i + 1].After, end) : end);
        }
    }

    private static Activity? Start(string name, ActivityContext parent, DateTimeOffset start) =>
        YueTelemetry.Source.StartActivity(name, ActivityKind.Internal, parent, startTime: start);

    private static void Stop(Activity? activity, DateTimeOffset end)
    {
        activity?.SetEndTime(end.UtcDateTime);
        activity?.Dispose();
    }

    private static DateTimeOffset Earlier(DateTimeOffset a, DateTimeOffset b) => a < b ? a : b;

    private static IEnumerable<Measurement<long>> GpuMemory(EngineStatus status)
    {
        if (status.Device is "" or "cpu")
        {
            yield break;
        }

        yield return new(status.Memory.TotalBytes, new KeyValuePair<string, object?>("kind", "total"));
        yield return new(status.Memory.UsedBytes, new KeyValuePair<string, object?>("kind", "used"));
        yield return new(status.Memory.PlannedBytes, new KeyValuePair<string, object?>("kind", "planned"));
    }
}
