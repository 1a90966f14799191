using Yue.Engine.Audio;

namespace Yue.Engine.Songs;

/// <summary>A finished song.</summary>
public sealed record SongResult
{
    /// <summary>The sound of the whole song; empty if only a score was requested.</summary>
    public required AudioClip Mix { get; init; }

    /// <summary>The vocal track; null unless stems were requested.</summary>
    public AudioClip? Vocal { get; init; }

    /// <summary>The instrumental track; null unless stems were requested.</summary>
    public AudioClip? Instrumental { get; init; }

    /// <summary>The name of the model that made the song.</summary>
    public required string Model { get; init; }

    /// <summary>The seed that was used.</summary>
    public required long Seed { get; init; }

    /// <summary>The stages that ran.</summary>
    public required SongScope Scope { get; init; }

    /// <summary>The score in ABC notation that the music follows; null if there is none.</summary>
    public string? Score { get; init; }

    /// <summary>The song's sections, in order; empty if the family does not sing in sections.</summary>
    public required IReadOnlyList<SectionResult> Sections { get; init; }

    /// <summary>The part of the reference clip that was used; null without a clip.</summary>
    public ReferenceResult? Reference { get; init; }

    /// <summary>The codes of all sections, both new ones and those kept from another song. A later request can continue from
    /// them.</summary>
    public required SongCodes Codes { get; init; }

    /// <summary>The time that each stage took.</summary>
    public required SongTimings Timings { get; init; }

    /// <summary>Notes for the caller, for example on how the lyrics were read, on sections that were left out or cut, and on sound that
    /// was clipped or faded out.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }
}

/// <summary>One section of a song.</summary>
/// <param name="Tag">The lyric tag, such as <c>verse</c>.</param>
/// <param name="DurationSeconds">The section's length in seconds.</param>
/// <param name="Tokens">The number of stage-1 tokens.</param>
/// <param name="Ended">The reason why the section ended.</param>
/// <param name="Kept">True if the section was kept from another song, false if it was sung.</param>
public sealed record SectionResult(string Tag, double DurationSeconds, int Tokens, SectionEnd Ended, bool Kept = false);

/// <summary>The part of a reference clip that was used.</summary>
/// <param name="Seconds">The length of the part in seconds.</param>
/// <param name="Tracks">The number of tracks: 1 for a mixed clip, 2 for vocal and instrumental.</param>
/// <param name="FromCache">True if the clip's codes came from the cache.</param>
/// <param name="EncodeSeconds">The encoding time in seconds, which is included in the time of stage 1.</param>
public sealed record ReferenceResult(double Seconds, int Tracks, bool FromCache, double EncodeSeconds);

/// <summary>The reason why a section ended.</summary>
public enum SectionEnd
{
    /// <summary>The model ended the section.</summary>
    EndOfAudio,

    /// <summary>The section reached the token limit.</summary>
    MaxNewTokens,
}

/// <summary>Wall-clock times of a song's stages.</summary>
public sealed record SongTimings
{
    public required double QueueSeconds { get; init; }

    /// <summary>The seconds from the song's admission until stage 1 was done, or until the score and the music tokens were written.
    /// Includes work that later stages did in the meantime.</summary>
    public required double Stage1Seconds { get; init; }

    /// <summary>The seconds from the end of stage 1 until stage 2 or flow matching was done. Includes decoding in the meantime.</summary>
    public required double Stage2Seconds { get; init; }

    /// <summary>The seconds for the decoding that remained after stage 2 or flow matching.</summary>
    public required double DecodeSeconds { get; init; }

    public required double TotalSeconds { get; init; }

    /// <summary>The number of tokens written per second of <see cref="Stage1Seconds"/>; 0 if none were written.</summary>
    public required double TokensPerSecond { get; init; }

    /// <summary>The total time per second of audio.</summary>
    public required double RealTimeFactor { get; init; }
}

/// <summary>The stages of a song, in order. A family may leave some out.</summary>
public enum SongStage
{
    Queued,

    /// <summary>YuE 2: the score is being written.</summary>
    Score,

    /// <summary>YuE 2: music tokens are being written.</summary>
    Music,

    /// <summary>YuE 2: flow matching is rendering the music tokens.</summary>
    Flow,

    /// <summary>YuE 1: the sections are being sung.</summary>
    Stage1,

    /// <summary>YuE 1: the sound is being refined.</summary>
    Stage2,

    /// <summary>Sound is being decoded.</summary>
    Decode,
}

/// <summary>The progress of a song.</summary>
/// <param name="Stage">The first stage that is not finished. Later ones may have started.</param>
/// <param name="Section">The 1-based number of the section being sung, not counting kept sections; 0 outside stage 1.</param>
/// <param name="Sections">The number of sections to sing, excluding kept ones.</param>
/// <param name="Done">The number of finished units of this stage: tokens while they are being written; after that, frames (YuE 1) or
/// music tokens (YuE 2).</param>
/// <param name="Total">The total number of units of this stage. While tokens are being written, it is an estimate with YuE 1 and the
/// maximum with YuE 2; after that, it is exact.</param>
/// <param name="Fraction">The progress of the whole song, from 0 to 1. It never decreases.</param>
public sealed record SongProgress(SongStage Stage, int Section, int Sections, long Done, long Total, double Fraction)
{
    /// <summary>The starts of the sections whose first frames have been written, in order, including kept sections.</summary>
    public IReadOnlyList<SectionPlace> Starts { get; init; } = [];

    /// <summary>The score once it is complete; null before that or if there is none.</summary>
    public string? Score { get; init; }
}

/// <summary>The start of a section.</summary>
/// <param name="Tag">The lyric tag, such as <c>verse</c>.</param>
/// <param name="Seconds">The position in the song at which the section starts, in seconds.</param>
public sealed record SectionPlace(string Tag, double Seconds);
