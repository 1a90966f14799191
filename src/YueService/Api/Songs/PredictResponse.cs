using Yue.Engine.Songs;
using YueService.Jobs.Audio;

namespace YueService.Api.Songs;

/// <summary>A finished song as <c>POST /predict</c> returns it. The keys up to <c>metadata</c> are those of the old service.</summary>
internal sealed record PredictResponse
{
    /// <summary>Always <c>success</c>: a song that fails is answered with problem details.</summary>
    public string Status { get; } = "success";

    /// <summary>The whole file of the song in base64; empty for a score alone.</summary>
    public required byte[] AudioBase64 { get; init; }

    /// <summary>What the file is: <c>wav</c> (PCM 16-bit), <c>flac</c> or <c>mp3</c>.</summary>
    public required string Format { get; init; }

    /// <summary>The lyrics as they were sent.</summary>
    public required string Lyrics { get; init; }

    /// <summary>The genre line as it was sent, or its default.</summary>
    public required string Genre { get; init; }

    /// <summary>Always null; kept for clients of the old service.</summary>
    public string? Error { get; }

    /// <summary>Always null; kept for clients of the old service.</summary>
    public string? Stderr { get; }

    /// <summary>How to find this request in logs and traces.</summary>
    public required PredictMetadata Metadata { get; init; }

    /// <summary>Samples a second of the file.</summary>
    public required int SampleRate { get; init; }

    /// <summary>The channels of the file: 1, or 2 for stereo.</summary>
    public required int Channels { get; init; }

    /// <summary>The song's length.</summary>
    public required double DurationSeconds { get; init; }

    /// <summary>The seed that was used: the same request with it gives the same song.</summary>
    public required long Seed { get; init; }

    /// <summary>The model that sang.</summary>
    public required string Model { get; init; }

    /// <summary><c>full</c>, <c>draft</c>, <c>finish</c> or <c>score</c>: how much of the way it went.</summary>
    public required SongScope Stage { get; init; }

    /// <summary>The times of the stages.</summary>
    public required TimingsBody Timings { get; init; }

    /// <summary>The score in ABC notation that the music follows; null without one.</summary>
    public string? Score { get; init; }

    /// <summary>The song's sections, in order; none if the model does not sing in sections.</summary>
    public required IReadOnlyList<SectionBody> Sections { get; init; }

    /// <summary>Warnings for the caller about how the request was understood and sung.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>The part of the reference clip that was heard; null without one.</summary>
    public ReferenceBody? Reference { get; init; }

    /// <summary>The effect of <c>output.loudness_lufs</c>; null when it was not asked for.</summary>
    public LoudnessBody? Loudness { get; init; }

    /// <summary>The tracks of the mix, when <c>output.stems</c> asked for them; null otherwise.</summary>
    public StemsBody? Stems { get; init; }

    /// <summary>The stage-1 codes, when <c>return_codes</c> asked for them: what <c>continue_from</c> takes; null otherwise.</summary>
    public SongCodes? Codes { get; init; }
}

/// <summary>How to find a request in logs and traces.</summary>
/// <param name="ClientJobId">The caller's own name for the request; null when absent or not in the allowed form.</param>
/// <param name="TraceId">The W3C trace identifier.</param>
/// <param name="SpanId">The W3C span identifier of the request.</param>
internal sealed record PredictMetadata(string? ClientJobId, string TraceId, string? SpanId);

/// <summary>Wall-clock seconds of a song's steps.</summary>
/// <param name="QueueSeconds">Waiting for the engine.</param>
/// <param name="Stage1Seconds">The first language model: one coarse code a frame and track. 0 with stage finish. With YuE 2 the score and
/// the music tokens.</param>
/// <param name="Stage2Seconds">The second language model: the other seven codes. 0 with stage draft. With YuE 2 flow matching.</param>
/// <param name="DecodeSeconds">Codec, vocoder and splice. With YuE 2 the sound decoder.</param>
/// <param name="TotalSeconds">From submission to sound.</param>
/// <param name="TokensPerSecond">Tokens per second of <c>stage1_seconds</c>.</param>
/// <param name="RealTimeFactor">Total seconds a second of audio.</param>
internal sealed record TimingsBody(
    double QueueSeconds,
    double Stage1Seconds,
    double Stage2Seconds,
    double DecodeSeconds,
    double TotalSeconds,
    double TokensPerSecond,
    double RealTimeFactor)
{
    /// <summary>The contract's view of the engine's times. A rate over nothing is 0: JSON has no infinity.</summary>
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
/// <param name="Seconds">Its length in the song.</param>
/// <param name="Tokens">The stage-1 tokens it took.</param>
/// <param name="Ended"><c>end_of_audio</c> when the model ended it, <c>max_new_tokens</c> when the limit did.</param>
/// <param name="Kept">Whether it was kept from the song of <c>continue_from</c>; else it was sung.</param>
/// <param name="StartSeconds">Where it begins in the song.</param>
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

/// <summary>What was heard of a reference clip.</summary>
/// <param name="Seconds">The length of the stretch.</param>
/// <param name="Tracks">1 for a mixed clip, 2 for vocal and instrumental.</param>
/// <param name="FromCache">Whether the same clip had been encoded before.</param>
/// <param name="EncodeSeconds">What encoding it took; a part of the time of stage 1.</param>
internal sealed record ReferenceBody(double Seconds, int Tracks, bool FromCache, double EncodeSeconds)
{
    public static ReferenceBody? From(ReferenceResult? reference) => reference is null
        ? null
        : new(reference.Seconds, reference.Tracks, reference.FromCache, Math.Round(reference.EncodeSeconds, 6));
}

/// <summary>How loud the mix came out (ITU-R BS.1770) and what was changed.</summary>
/// <param name="MeasuredLufs">Before the gain; null for silence.</param>
/// <param name="MeasuredTruePeakDbtp">Before the gain; null for silence.</param>
/// <param name="GainDb">Applied to the mix and to the stems.</param>
internal sealed record LoudnessBody(double? MeasuredLufs, double? MeasuredTruePeakDbtp, double GainDb)
{
    public static LoudnessBody? From(LoudnessChange? change) =>
        change is null ? null : new(change.MeasuredLufs, change.MeasuredTruePeakDbtp, change.GainDb);
}

/// <summary>The tracks of the mix.</summary>
internal sealed record StemsBody(StemBody Vocal, StemBody Instrumental);

/// <summary>One track as a file.</summary>
/// <param name="AudioBase64">The whole file in base64.</param>
/// <param name="Format">What the file is, as for the mix.</param>
/// <param name="SampleRate">Samples a second.</param>
/// <param name="DurationSeconds">The track's length.</param>
internal sealed record StemBody(byte[] AudioBase64, string Format, int SampleRate, double DurationSeconds);
