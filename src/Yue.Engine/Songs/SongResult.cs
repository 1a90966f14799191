using Yue.Engine.Audio;

namespace Yue.Engine.Songs;

/// <summary>A finished song.</summary>
public sealed record SongResult
{
    /// <summary>The song.</summary>
    public required AudioClip Mix { get; init; }

    /// <summary>The vocal track, when stems were asked for.</summary>
    public AudioClip? Vocal { get; init; }

    /// <summary>The instrumental track, when stems were asked for.</summary>
    public AudioClip? Instrumental { get; init; }

    /// <summary>The stage-1 checkpoint that sang.</summary>
    public required string Model { get; init; }

    /// <summary>The seed that was used.</summary>
    public required long Seed { get; init; }

    /// <summary>How much of the way it went.</summary>
    public required SongScope Scope { get; init; }

    /// <summary>The song's sections, in order.</summary>
    public required IReadOnlyList<SectionResult> Sections { get; init; }

    /// <summary>What was heard of the reference clip; null without one.</summary>
    public ReferenceResult? Reference { get; init; }

    /// <summary>What stage 1 wrote, or was kept from another song: what a later request can go on from.</summary>
    public required SongCodes Codes { get; init; }

    /// <summary>Where the time went.</summary>
    public required SongTimings Timings { get; init; }

    /// <summary>Notes for the caller: how the lyrics were read, sections that are left out, cut or stand still, context
    /// shortened, output clipped or faded out.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }
}

/// <summary>One section of a song.</summary>
/// <param name="Tag">The lyric tag, such as <c>verse</c>.</param>
/// <param name="DurationSeconds">Its length in the song.</param>
/// <param name="Tokens">The stage-1 tokens it took.</param>
/// <param name="Ended">What ended it.</param>
/// <param name="Kept">Whether it was kept from another song; else it was sung.</param>
public sealed record SectionResult(string Tag, double DurationSeconds, int Tokens, SectionEnd Ended, bool Kept = false);

/// <summary>What was heard of a reference clip.</summary>
/// <param name="Seconds">The length of the stretch.</param>
/// <param name="Tracks">1 for a mixed clip, 2 for vocal and instrumental.</param>
/// <param name="FromCache">Whether the same clip had been encoded before.</param>
/// <param name="EncodeSeconds">What encoding took; it is part of the time of stage 1.</param>
public sealed record ReferenceResult(double Seconds, int Tracks, bool FromCache, double EncodeSeconds);

/// <summary>What ended a section.</summary>
public enum SectionEnd
{
    /// <summary>The model said that the section is over.</summary>
    EndOfAudio,

    /// <summary>The section reached the token limit.</summary>
    MaxNewTokens,
}

/// <summary>Wall-clock times of a song's steps.</summary>
public sealed record SongTimings
{
    public required double QueueSeconds { get; init; }

    public required double Stage1Seconds { get; init; }

    public required double Stage2Seconds { get; init; }

    /// <summary>Codec, vocoder and splice.</summary>
    public required double DecodeSeconds { get; init; }

    public required double TotalSeconds { get; init; }

    /// <summary>Stage-1 tokens a second of stage 1; 0 where it did not run.</summary>
    public required double TokensPerSecond { get; init; }

    /// <summary>Total seconds a second of audio.</summary>
    public required double RealTimeFactor { get; init; }
}

/// <summary>The steps of a song, in order.</summary>
public enum SongStage
{
    Queued,
    Stage1,
    Stage2,
    Decode,
}

/// <summary>How far a song is.</summary>
/// <param name="Stage">The step it is in.</param>
/// <param name="Section">The section being sung, from 1, kept ones not counted; 0 outside stage 1.</param>
/// <param name="Sections">How many sections are sung: without those that are kept.</param>
/// <param name="Done">Units done of this step: stage-1 tokens, stage-2 frames, decoded frames.</param>
/// <param name="Total">Units of this step: an upper bound in stage 1, exact after.</param>
/// <param name="Fraction">The whole song's progress, 0 to 1, never falling.</param>
public sealed record SongProgress(SongStage Stage, int Section, int Sections, long Done, long Total, double Fraction);
