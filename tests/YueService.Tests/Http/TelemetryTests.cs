using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text.RegularExpressions;
using Xunit;
using Yue.Engine.Songs;
using YueService.Telemetry;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

/// <summary>Tests the metrics and traces of songs.</summary>
public sealed partial class TelemetryTests : IDisposable
{
    private readonly YueApp _app = new();
    private readonly HttpClient _client;

    public TelemetryTests() => _client = _app.CreateClient();

    public void Dispose()
    {
        _client.Dispose();
        _app.Dispose();
    }

    [Fact]
    public async Task The_metrics_are_Prometheus_text()
    {
        await SingAsync();
        _app.Engine.Sing = (_, _, _) => Task.FromException<SongResult>(new SongException("no"));
        using var failed = await _client.PredictAsync("""{"lyrics":"la"}""");
        _app.Engine.Sing = (_, _, _) => Task.FromCanceled<SongResult>(new CancellationToken(canceled: true));
        using var cancelled = await _client.PredictAsync("""{"lyrics":"la"}""");
        var text = await _client.GetStringAsync("/metrics", TestContext.Current.CancellationToken);
        foreach (var outcome in new[] { "succeeded", "failed", "cancelled" })
        {
            Assert.Equal(1, Value(text, "yue_songs_total", $"yue_outcome=\"{outcome}\""));
        }

        Assert.Equal(1, Value(text, "yue_songs_total", "error_type=\"Yue.Engine.Songs.SongException\""));
        Assert.Equal(1, Value(text, "gen_ai_server_request_duration_seconds_count", "error_type="));

        Assert.Equal(0, Value(text, "yue_queue_depth"));
        Assert.Equal(0.5, Value(text, "yue_stage_duration_seconds_sum", "yue_stage=\"queue\""));
        Assert.Equal(2, Value(text, "yue_stage_duration_seconds_sum", "yue_stage=\"stage2\""));
        Assert.Equal(1, Value(text, "yue_token_rate", "_count"));
        Assert.Contains("http_server_request_duration_seconds_bucket", text, StringComparison.Ordinal);

        // The real-time factor of the fake engine is infinite, which histograms do not accept. The engine's device is a CPU.
        Assert.DoesNotContain("yue_real_time_factor_sum", text, StringComparison.Ordinal);
        Assert.DoesNotContain("yue_gpu_memory", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_memory_of_a_GPU_is_a_metric()
    {
        _app.Engine.Status = _app.Engine.Status with { Device = "NVIDIA H100", Memory = new(1000, 200, 300) };
        var text = await _client.GetStringAsync("/metrics", TestContext.Current.CancellationToken);
        Assert.Equal(1000, Value(text, "yue_gpu_memory_limit_bytes"));
        Assert.Equal(200, Value(text, "yue_gpu_memory_usage_bytes"));
        Assert.Equal(300, Value(text, "yue_gpu_memory_planned_bytes"));
    }

    /// <remarks>https://opentelemetry.io/docs/specs/semconv/general/naming/</remarks>
    [Fact]
    public void Instruments_are_named_as_OpenTelemetry_requires()
    {
        var instruments = new List<Instrument>();
        using var listener = new MeterListener { InstrumentPublished = (instrument, _) => instruments.Add(instrument) };
        listener.Start();
        var own = instruments.Where(instrument => instrument.Meter.Name == YueTelemetry.Name).ToList();
        Assert.True(own.Count > 8);
        Assert.All(own, instrument => Assert.Matches(OwnName(), instrument.Name));
        Assert.All(own, instrument => Assert.Contains(instrument.Unit, (string[])["{song}", "{token}/s", "s", "By", "1"]));
        Assert.All(own, instrument => Assert.DoesNotMatch(UnitOrTotal(), instrument.Name));
    }

    [Fact]
    public async Task A_song_produces_a_trace_of_its_steps()
    {
        var activities = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == YueTelemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activities.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        _app.Engine.Sing = (request, progress, _) =>
        {
            progress!.Report(new(SongStage.Stage1, 1, 2, 1, 100, 0.1));
            progress.Report(new(SongStage.Stage1, 2, 2, 1, 100, 0.2));
            return Task.FromResult(FakeSongEngine.Song(request));
        };
        var traceId = await SingAsync();

        // The listener gets the activities of the whole process, so those of other traces are filtered out.
        List<Activity> Mine() =>
            [.. activities.Where(activity => activity.TraceId.ToHexString() == traceId).OrderBy(activity => activity.StartTimeUtc)];
        await Eventually.TrueAsync(() => Mine().Count == 7);
        Assert.Equal(
            ["decode", "encode", "queue", "section", "section", "stage1", "stage2"],
            Mine().Select(activity => activity.OperationName).Order());
        var steps = Mine().ToLookup(activity => activity.OperationName);
        Assert.Equal(TimeSpan.FromSeconds(2), steps["stage2"].Single().Duration);
        Assert.Equal(steps["queue"].Single().StartTimeUtc + TimeSpan.FromSeconds(0.5), steps["stage1"].Single().StartTimeUtc);
        Assert.All(steps["section"], section => Assert.Equal(steps["stage1"].Single().SpanId, section.ParentSpanId));
        Assert.Equal(steps["queue"].Single().ParentSpanId, steps["stage2"].Single().ParentSpanId);
    }

    [GeneratedRegex(@"^(yue|gen_ai)(\.[a-z]+(_[a-z]+)*)+$")]
    private static partial Regex OwnName();

    [GeneratedRegex("seconds|bytes|total|count$")]
    private static partial Regex UnitOrTotal();

    private async Task<string> SingAsync()
    {
        using var response = await _client.PredictAsync("""{"lyrics":"la"}""");
        return (await response.SongAsync()).GetProperty("metadata").GetProperty("trace_id").GetString()!;
    }

    /// <summary>Returns the value of the only series whose line begins with the name and contains all parts.</summary>
    private static double Value(string text, string name, params string[] parts)
    {
        var line = Assert.Single(
            text.Split('\n'),
            line => line.StartsWith(name, StringComparison.Ordinal) && parts.All(part => line.Contains(part, StringComparison.Ordinal)));
        return double.Parse(line[(line.LastIndexOf('}') + 1)..].Trim().Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
    }
}
