using System.Diagnostics;
using System.Diagnostics.Metrics;
using Yue.Engine.Residency;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using YueService.Telemetry;

namespace YueService.Jobs;

/// <summary>The metrics of songs and of the engine, and the activities of a song's stages.</summary>
/// <remarks>Names follow the naming rules and semantic conventions of OpenTelemetry: names without a convention are in the namespace
/// <c>yue</c>, units are not part of names, and namespaces are singular.</remarks>
internal sealed class SongTelemetry : IDisposable
{
    private readonly Meter _meter;
    private readonly Counter<long> _songs;
    private readonly Histogram<double> _stageSeconds;
    private readonly Histogram<double> _tokensRate;
    private readonly Histogram<double> _realTimeFactor;
    private readonly Histogram<double> _requestSeconds;

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
        _stageSeconds = _meter.CreateHistogram("yue.stage.duration", "s", "Wall-clock time of a stage of a song.", advice: SecondsBuckets);
        _tokensRate = _meter.CreateHistogram("yue.token.rate", "{token}/s", "Stage-1 tokens per second of a song.", advice: RateBuckets);
        _realTimeFactor = _meter.CreateHistogram(
            "yue.real_time_factor", "1", "Seconds from submission to the finished song, per second of audio.", advice: FactorBuckets);
        _requestSeconds = _meter.CreateHistogram(
            "gen_ai.server.request.duration", "s", "The time from a song's submission to its end.", advice: SecondsBuckets);
        _meter.CreateObservableUpDownCounter(
            "yue.queue.depth", () => services.GetRequiredService<IJobBoard>().Depth, "{song}", "Waiting songs.");
        _meter.CreateObservableUpDownCounter("yue.song.active", () => engine.Status.Running, "{song}", "Songs being made.");
        ObserveGpuMemory("limit", engine, memory => memory.TotalBytes, "The total memory of the GPU.");
        ObserveGpuMemory("usage", engine, memory => memory.UsedBytes, "The GPU memory that all programs use.");
        ObserveGpuMemory("planned", engine, memory => memory.PlannedBytes, "The GPU memory that the memory plan assigns.");
    }

    /// <summary>Records a song that has succeeded, failed or been cancelled.</summary>
    public void Record(Job job)
    {
        var error = new KeyValuePair<string, object?>("error.type", job.Song.Exception?.InnerException?.GetType().FullName);
        var outcome = new KeyValuePair<string, object?>("yue.outcome", Outcome(job.Song));
        _songs.Add(1, error.Value is null ? [outcome] : [outcome, error]);
        RecordRequest(job, error);
        if (!job.Song.IsCompletedSuccessfully)
        {
            return;
        }

        var timings = job.Song.Result.Timings;
        foreach (var (stage, seconds) in Stages(timings))
        {
            _stageSeconds.Record(seconds, new KeyValuePair<string, object?>("yue.stage", stage));
        }

        if (timings.TokensPerSecond > 0)
        {
            RecordFinite(_tokensRate, timings.TokensPerSecond);
        }

        RecordFinite(_realTimeFactor, timings.RealTimeFactor);
        Trace(job, timings);
    }

    public void Dispose() => _meter.Dispose();

    /// <summary>Records the time of a song under the name in OpenTelemetry's conventions for generative AI servers.</summary>
    private void RecordRequest(Job job, KeyValuePair<string, object?> error)
    {
        var tags = new TagList
        {
            { "gen_ai.operation.name", "generate_content" },
            { "gen_ai.provider.name", ServiceIdentity.Name },
        };
        if (job.Request.Song.Model is { } model)
        {
            tags.Add("gen_ai.request.model", model);
        }

        if (error.Value is not null)
        {
            tags.Add(error);
        }

        _requestSeconds.Record(job.Waited.TotalSeconds, tags);
    }

    private void ObserveGpuMemory(string name, ISongEngine engine, Func<MemoryStatus, long> read, string description) =>
        _meter.CreateObservableUpDownCounter(
            $"yue.gpu.memory.{name}",
            () => engine.Status is { Device: not ("" or "cpu") } status ? (IEnumerable<Measurement<long>>)[new(read(status.Memory))] : [],
            "By",
            description);

    /// <summary>Returns the stages that ran: a draft has no stage 2, and a song that finishes a draft has no stage 1.</summary>
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

    /// <summary>Adds activities for the stages, one after the other from the submission, as children of the request's activity.</summary>
    private static void Trace(Job job, SongTimings timings)
    {
        var start = job.SubmittedAt;
        foreach (var (stage, seconds) in Stages(timings))
        {
            var end = start + TimeSpan.FromSeconds(seconds);
            var activity = Start(stage, job.Trace, start);
            if (stage == "stage1" && activity is not null)
            {
                TraceSections(job, activity, start, end);
            }

            Stop(activity, end);
            start = end;
        }
    }

    private static void TraceSections(Job job, Activity stage1, DateTimeOffset start, DateTimeOffset end)
    {
        for (var i = 0; i < job.Sections.Count; i++)
        {
            var section = Start("section", stage1.Context, Earlier(start + job.Sections[i].After, end));
            section?.SetTag("yue.section.number", job.Sections[i].Section);
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
}
