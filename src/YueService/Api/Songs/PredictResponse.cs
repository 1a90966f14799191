using Yue.Engine.Songs;
using YueService.Jobs.Audio;

namespace YueService.Api.Songs;

/// <summary>A finished song as <c>POST /predict</c> returns it. The keys up to <c>metadata</c> are those of the earlier
/// Python service.</summary>
internal sealed record PredictResponse
{
    /// <summary>Always <c>success</c>: if a song fails, the response is problem details.</summary>
    public string Status { get; } = "success";

    /// <summary>The whole file of the song in base64; empty if only a score was written.</summary>
    public required byte[] AudioBase64 { get; init; }

    /// <summary>The format of the file: <c>wav</c> (PCM 16-bit), <c>flac</c> or <c>mp3</c>.</summary>
    public required string Format { get; init; }

    /// <summary>The lyrics as they were sent.</summary>
    public required string Lyrics { get; init; }

    /// <summary>The genre line as it was sent, or its default.</summary>
    public required string Genre { get; init; }

    /// <summary>Always null; kept for clients of the earlier Python service.</summary>
    public string? Error { get; }

    /// <summary>Always null; kept for clients of the earlier Python service.</summary>
    public string? Stderr { get; }

    /// <summary>The identifiers of this request in logs and traces.</summary>
    public required PredictMetadata Metadata { get; init; }

    /// <summary>The sample rate of the file in Hz.</summary>
    public required int SampleRate { get; init; }

    /// <summary>The number of channels in the file: 1, or 2 for stereo.</summary>
    public required int Channels { get; init; }

    /// <summary>The song's length in seconds.</summary>
    public required double DurationSeconds { get; init; }

    /// <summary>The seed that was used; the same request with this seed gives the same song.</summary>
    public required long Seed { get; init; }

    /// <summary>The model that made the song.</summary>
    public required string Model { get; init; }

    /// <summary><c>full</c>, <c>draft</c>, <c>finish</c> or <c>score</c>: the stages that were run.</summary>
    public required SongScope Stage { get; init; }

    /// <summary>The times of the stages.</summary>
    public required TimingsBody Timings { get; init; }

    /// <summary>The score in ABC notation that the music follows; null without one.</summary>
    public string? Score { get; init; }

    /// <summary>The song's sections, in order; empty for a model without sections.</summary>
    public required IReadOnlyList<SectionBody> Sections { get; init; }

    /// <summary>Warnings about how the request was interpreted and how the song was made.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>The part of the reference clip that was used; null without a clip.</summary>
    public ReferenceBody? Reference { get; init; }

    /// <summary>The effect of <c>output.loudness_lufs</c>; null if it was not requested.</summary>
    public LoudnessBody? Loudness { get; init; }

    /// <summary>The tracks of the mix, if <c>output.stems</c> requested them; null otherwise.</summary>
    public StemsBody? Stems { get; init; }

    /// <summary>The stage-1 codes for <c>continue_from</c>, if <c>return_codes</c> requested them; null otherwise.</summary>
    public SongCodes? Codes { get; init; }
}

/// <summary>The identifiers of a request in logs and traces.</summary>
/// <param name="ClientJobId">The caller's own name for the request; null if absent or invalid.</param>
/// <param name="TraceId">The W3C trace identifier.</param>
/// <param name="SpanId">The W3C span identifier of the request.</param>
internal sealed record PredictMetadata(string? ClientJobId, string TraceId, string? SpanId);

/// <summary>The wall-clock times of a song's stages, in seconds.</summary>
/// <param name="QueueSeconds">The time spent waiting for the engine.</param>
/// <param name="Stage1Seconds">The time of the first language model, which writes one coarse code per frame and track; 0 with stage
/// finish. With YuE 2, the time of the score and the music tokens.</param>
/// <param name="Stage2Seconds">The time of the second language model, which writes the other seven codes; 0 with stage draft. With YuE 2,
/// the time of flow matching.</param>
/// <param name="DecodeSeconds">The time of the codec, the vocoder and the splice. With YuE 2, the time of the sound decoder.</param>
/// <param name="TotalSeconds">The time from submission to the finished sound.</param>
/// <param name="TokensPerSecond">The number of tokens written per second of <c>stage1_seconds</c>.</param>
/// <param name="RealTimeFactor">Total seconds per second of audio.</param>
internal sealed record TimingsBody(
    double QueueSeconds,
    double Stage1Seconds,
    double Stage2Seconds,
    double DecodeSeconds,
    double TotalSeconds,
    double TokensPerSecond,
    double RealTimeFactor)
{
    /// <summary>Returns the engine's times in the form of the response. A rate without a duration is 0, because JSON has no
    /// infinity.</summary>
    public static TimingsBody From(SongTimings timings) => new(
        Round(timings.QueueSeconds),
        Round(timings.Stage1Seconds),
        Round(timings.Stage2Seconds),
        Round(timings.DecodeSeconds),
        Round(timings.TotalSeconds),
        Round(timings.TokensPerSecond),
        Round(timings.RealTimeFactor));

    private static double Round(double value) => double.IsFinite(value) ? Math.Round(value, 6) : 0;
}

/// <summary>One section of a song.</summary>
/// <param name="Tag">The lyric tag, such as <c>verse</c>.</param>
/// <param name="Seconds">Its length in seconds.</param>
/// <param name="Tokens">The number of its stage-1 tokens.</param>
/// <param name="Ended"><c>end_of_audio</c> if the model ended it, <c>max_new_tokens</c> if it was cut at its limit.</param>
/// <param name="Kept">True if it was kept from the song in <c>continue_from</c> instead of being sung.</param>
/// <param name="StartSeconds">The time in the song at which it begins, in seconds.</param>
internal sealed record SectionBody(string Tag, double Seconds, int Tokens, SectionEnd Ended, bool Kept, double StartSeconds)
{
    public static IReadOnlyList<SectionBody> ListOf(IReadOnlyList<SectionResult> sections)
    {
        var bodies = new List<SectionBody>();
        var start = 0.0;
        foreach (var section in sections)
        {
            bodies.Add(new(section.Tag, section.DurationSeconds, section.Tokens, section.Ended, section.Kept, Math.Round(start, 6)));
            start += section.DurationSeconds;
        }

        return bodies;
    }
}

/// <summary>The part of a reference clip that was used.</summary>
/// <param name="Seconds">The length of the part in seconds.</param>
/// <param name="Tracks">The number of tracks: 1 for a mixed clip, 2 for vocal and instrumental.</param>
/// <param name="FromCache">True if the same clip had been encoded before.</param>
/// <param name="EncodeSeconds">The time taken to encode the clip, in seconds; included in <c>stage1_seconds</c>.</param>
internal sealed record ReferenceBody(double Seconds, int Tracks, bool FromCache, double EncodeSeconds)
{
    public static ReferenceBody? From(ReferenceResult? reference) => reference is null
        ? null
        : new(reference.Seconds, reference.Tracks, reference.FromCache, Math.Round(reference.EncodeSeconds, 6));
}

/// <summary>The measured loudness of the mix (ITU-R BS.1770) and the gain that was applied.</summary>
/// <param name="MeasuredLufs">The loudness before the gain; null for silence.</param>
/// <param name="MeasuredTruePeakDbtp">The true peak before the gain; null for silence.</param>
/// <param name="GainDb">The gain that was applied to the mix and to the stems.</param>
internal sealed record LoudnessBody(double? MeasuredLufs, double? MeasuredTruePeakDbtp, double GainDb)
{
    public static LoudnessBody? From(LoudnessChange? change) =>
        change is null ? null : new(change.MeasuredLufs, change.MeasuredTruePeakDbtp, change.GainDb);
}

/// <summary>The tracks of the mix.</summary>
internal sealed record StemsBody(StemBody Vocal, StemBody Instrumental);

/// <summary>One track as a file.</summary>
/// <param name="AudioBase64">The whole file in base64.</param>
/// <param name="Format">The format of the file, as for the mix.</param>
/// <param name="SampleRate">The sample rate in Hz.</param>
/// <param name="DurationSeconds">The track's length in seconds.</param>
internal sealed record StemBody(byte[] AudioBase64, string Format, int SampleRate, double DurationSeconds);
