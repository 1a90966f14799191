namespace Yue.Engine.Songs;

/// <summary>The request for a song. Values are within <see cref="SongLimits"/>; the service validates them.</summary>
public sealed record SongRequest
{
    /// <summary>The lyrics, in sections headed by <c>[tags]</c>.</summary>
    public required string Lyrics { get; init; }

    /// <summary>The genre line: instruments, mood, voice.</summary>
    public string Genre { get; init; } = "Pop";

    /// <summary>The maximum number of stage-1 tokens per section; 100 tokens are one second.</summary>
    public int MaxNewTokens { get; init; } = 3000;

    /// <summary>The number of lyric sections to sing; 0 means all.</summary>
    public int RunNSegments { get; init; } = 2;

    /// <summary>The seed of all random numbers.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>The name of a configured model; null means the default one.</summary>
    public string? Model { get; init; }

    /// <summary>The stages to run.</summary>
    public SongScope Scope { get; init; }

    /// <summary>The sections that already exist; null for a new song. The lyrics after them are sung.</summary>
    public SongCodes? ContinueFrom { get; init; }

    /// <summary>The 1-based number of the section of <see cref="ContinueFrom"/> to replace; null to add sections instead.</summary>
    public int? ReplaceSection { get; init; }

    /// <summary>True if no words are sung and the song is the instrumental track alone.</summary>
    public bool Instrumental { get; init; }

    /// <summary>The length in seconds of each new section, overriding <see cref="MaxNewTokens"/>; null for no target. A family that does
    /// not sing in sections uses one length for the whole song.</summary>
    public IReadOnlyList<double>? TargetSeconds { get; init; }

    /// <summary>The kind of score that the model writes or receives; null if its family has no scores.</summary>
    public ScorePlan? Plan { get; init; }

    /// <summary>The score to use, in ABC notation; null if the model writes it.</summary>
    public string? Score { get; init; }

    /// <summary>The sound to return.</summary>
    public OutputSettings Output { get; init; } = new();

    /// <summary>The sampling settings of stage 1; with YuE 2, those of the music tokens and of flow matching.</summary>
    public SamplingSettings Sampling { get; init; } = new();

    /// <summary>The clip whose style the song follows; null for none.</summary>
    public SongReference? Reference { get; init; }
}

/// <summary>The stages that a song runs through from lyrics to sound.</summary>
public enum SongScope
{
    /// <summary>Stage 1, stage 2 and decoding.</summary>
    Full,

    /// <summary>Without stage 2: the codec renders the output of stage 1 at 16 kHz.</summary>
    Draft,

    /// <summary>Without stage 1: the codes are those of <see cref="SongRequest.ContinueFrom"/>.</summary>
    Finish,

    /// <summary>The score alone, without music.</summary>
    Score,
}

/// <summary>The requested form of a song's sound.</summary>
public sealed record OutputSettings
{
    /// <summary>The sample rate of the codec without the vocoders, which is the only rate available for a draft.</summary>
    public const int CodecSampleRateHz = 16000;

    /// <summary>The sample rate in Hz: 44100 (vocoder and splice) or 16000 (codec only). YuE 2 ignores it.</summary>
    public int SampleRate { get; init; } = 44100;

    /// <summary>True if the vocal and instrumental tracks are returned in addition to the mix.</summary>
    public bool Stems { get; init; }

    /// <summary>The target loudness of the mix (ITU-R BS.1770), applied when files are written; null keeps the original loudness.</summary>
    public double? LoudnessLufs { get; init; }

    /// <summary>The length in seconds of the fade-out of a song that was cut off at the token limit; 0 disables it.</summary>
    public double FadeOutSeconds { get; init; } = 1.0;
}

/// <summary>The settings of the sampling chain (docs/model.md 2.4, docs/model-yue2.md 5). The defaults are those of YuE 1.</summary>
public sealed record SamplingSettings
{
    /// <summary>The guidance scale of a song's first section.</summary>
    public const double FirstGuidanceScale = 1.5;

    /// <summary>The guidance scale of the sections after the first.</summary>
    public const double LaterGuidanceScale = 1.2;

    /// <summary>The temperature, by which scores are divided before top-k and top-p.</summary>
    public double Temperature { get; init; } = 1.0;

    /// <summary>The top-p value: the smallest set of ids whose total probability reaches it is kept.</summary>
    public double TopP { get; init; } = 0.93;

    /// <summary>The number of most probable ids that are kept; 0 keeps all.</summary>
    public int TopK { get; init; } = 50;

    /// <summary>The repetition penalty, by which the scores of ids that have occurred are divided, or multiplied if they are negative; 1
    /// disables it.</summary>
    public double RepetitionPenalty { get; init; } = 1.1;

    /// <summary>The scale of classifier-free guidance: 1 disables it; null means the family's default, which for YuE 1 is
    /// <see cref="FirstGuidanceScale"/> in the first section and <see cref="LaterGuidanceScale"/> after it.</summary>
    public double? GuidanceScale { get; init; }

    /// <summary>The number of flow-matching steps; null if the family has none.</summary>
    public int? FlowSteps { get; init; }
}

/// <summary>The inclusive bounds of a request's fields.</summary>
public static class SongLimits
{
    public const int MinLyricsLength = 1;
    public const int MaxLyricsLength = 20_000;
    public const int MaxGenreLength = 1_000;
    public const int MinMaxNewTokens = 100;
    public const int MaxMaxNewTokens = 10_000;
    public const double MinTargetSeconds = 1.0;
    public const double MaxTargetSeconds = 100.0;

    /// <summary>The maximum length, in seconds, of a song whose family does not sing in sections. The limit follows from YuE 2's
    /// context.</summary>
    public const double MaxSongSeconds = 900.0;

    public const int MinScoreLength = 1;
    public const int MaxScoreLength = 60_000;
    public const int MinFlowSteps = 1;
    public const int MaxFlowSteps = 100;
    public const double MinFadeOutSeconds = 0.0;
    public const double MaxFadeOutSeconds = 30.0;

    /// <summary>The maximum number of sections in a song that is continued.</summary>
    public const int MaxCodesSections = 100;

    /// <summary>The maximum number of frames per section of a song that is continued, derived from <see cref="MaxMaxNewTokens"/>.</summary>
    public const int MaxSectionFrames = MaxMaxNewTokens / 2;

    /// <summary>The maximum number of frames in a song that is continued; they last half an hour.</summary>
    public const int MaxCodesFrames = 90_000;

    public const int MinTakes = 1;
    public const int MaxTakes = 8;
    public const int MinRunNSegments = 0;
    public const int MaxRunNSegments = 10;
    public const double MinTemperature = 0.05;
    public const double MaxTemperature = 5.0;
    public const double MinTopP = 0.01;
    public const double MaxTopP = 1.0;
    public const int MinTopK = 0;
    public const int MaxTopK = 1_000;
    public const double MinRepetitionPenalty = 1.0;
    public const double MaxRepetitionPenalty = 2.0;
    public const double MinGuidanceScale = 1.0;
    public const double MaxGuidanceScale = 10.0;
    public const double MinLoudnessLufs = -36.0;
    public const double MaxLoudnessLufs = -6.0;

    /// <summary>The minimum length, in seconds, of the part of a reference clip that is used.</summary>
    public const int MinReferenceSeconds = 1;

    /// <summary>The maximum length, in seconds, of the part of a reference clip that is used.</summary>
    public const int MaxReferenceSeconds = 60;

    public const double DefaultReferenceEndSeconds = 30;
}
