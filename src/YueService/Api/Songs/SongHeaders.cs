using System.Globalization;
using System.Text.Json;
using Yue.Engine.Audio;
using YueService.Jobs;

namespace YueService.Api.Songs;

/// <summary>The metadata of a song in the headers of a response that is the file itself. All values are ASCII.</summary>
internal static class SongHeaders
{
    // Proxies commonly reject header blocks above 8 KiB.
    private const int MaxListBytes = 2048;

    /// <summary>The headers that describe a song. Pages from allowed origins may read them.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        "X-Yue-Seed", "X-Yue-Model", "X-Yue-Sample-Rate", "X-Yue-Channels", "X-Yue-Duration-Seconds",
        "X-Yue-Real-Time-Factor", "X-Yue-Trace-Id",
        "X-Yue-Client-Job-Id", "X-Yue-Gain-Db", "X-Yue-Sections", "X-Yue-Warning-Count", "X-Yue-Warnings",
    ];

    public static void Write(IHeaderDictionary headers, PredictResponse song)
    {
        headers["X-Yue-Seed"] = Text(song.Seed);
        headers["X-Yue-Model"] = Uri.EscapeDataString(song.Model);
        WriteFormat(headers, new(song.SampleRate, song.Channels));
        headers["X-Yue-Duration-Seconds"] = Text(song.DurationSeconds);
        headers["X-Yue-Real-Time-Factor"] = Text(song.Timings.RealTimeFactor);
        headers["X-Yue-Trace-Id"] = song.Metadata.TraceId;
        if (song.Metadata.ClientJobId is { } clientJobId)
        {
            headers["X-Yue-Client-Job-Id"] = clientJobId;
        }

        if (song.Loudness is { } loudness)
        {
            headers["X-Yue-Gain-Db"] = Text(loudness.GainDb);
        }

        headers["X-Yue-Sections"] = List(song.Sections.Select(section =>
            Uri.EscapeDataString(section.Tag) + ";" + Text(section.Seconds)));
        Warn(headers, song.Warnings);
        var timings = song.Timings;
        headers["Server-Timing"] =
            $"queue;dur={Milliseconds(timings.QueueSeconds)}, stage1;dur={Milliseconds(timings.Stage1Seconds)}, "
            + $"stage2;dur={Milliseconds(timings.Stage2Seconds)}, decode;dur={Milliseconds(timings.DecodeSeconds)}, "
            + $"total;dur={Milliseconds(timings.TotalSeconds)}";
    }

    /// <summary>Writes the headers that are known before the song is made.</summary>
    public static void WriteEarly(IHeaderDictionary headers, JobRequest request, string model, string traceId)
    {
        headers["X-Yue-Seed"] = Text(request.Song.Seed);
        headers["X-Yue-Model"] = Uri.EscapeDataString(model);
        headers["X-Yue-Trace-Id"] = traceId;
        if (request.ClientJobId is { } clientJobId)
        {
            headers["X-Yue-Client-Job-Id"] = clientJobId;
        }

        Warn(headers, request.Warnings);
    }

    /// <summary>Writes the sample rate and the number of channels. Raw samples have no file header that could contain them.</summary>
    public static void WriteFormat(IHeaderDictionary headers, PcmFormat format)
    {
        headers["X-Yue-Sample-Rate"] = Text(format.SampleRateHz);
        headers["X-Yue-Channels"] = Text(format.Channels);
    }

    private static void Warn(IHeaderDictionary headers, IReadOnlyList<string> warnings)
    {
        headers["X-Yue-Warning-Count"] = Text(warnings.Count);
        if (warnings.Count > 0)
        {
            headers["X-Yue-Warnings"] = List(warnings);
        }
    }

    /// <summary>Returns a JSON array of strings with non-ASCII characters escaped. The last strings are left out if they do not
    /// fit.</summary>
    private static string List(IEnumerable<string> values)
    {
        var kept = new List<string>();
        var length = 2;
        foreach (var value in values)
        {
            length += JsonSerializer.Serialize(value).Length + 1;
            if (length > MaxListBytes)
            {
                break;
            }

            kept.Add(value);
        }

        return JsonSerializer.Serialize(kept);
    }

    private static string Text(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);

    private static string Milliseconds(double seconds) => (seconds * 1000).ToString("F1", CultureInfo.InvariantCulture);
}
