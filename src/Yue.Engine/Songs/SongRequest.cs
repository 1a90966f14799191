namespace Yue.Engine.Songs;

/// <summary>The song to sing. Values are within <see cref="SongLimits"/>; the service checks them before the engine sees them.</summary>
public sealed record SongRequest
{
    /// <summary>The lyrics, in sections headed by <c>[tags]</c>.</summary>
    public required string Lyrics { get; init; }

    /// <summary>The genre line: instruments, mood, voice.</summary>
    public string Genre { get; init; } = "Pop";

    /// <summary>The most stage-1 tokens a section may take; 100 tokens are one second.</summary>
    public int MaxNewTokens { get; init; } = 3000;

    /// <summary>The number of lyric sections to sing; 0 sings all.</summary>
    public int RunNSegments { get; init; } = 2;

    /// <summary>The key of every random draw.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>The configured stage-1 checkpoint to sing with; null is the first one.</summary>
    public string? Model { get; init; }

    /// <summary>The part of the way that the song goes.</summary>
    public SongScope Scope { get; init; }

    /// <summary>Sections that are sung already; null for a new song. Those of the lyrics behind them are sung.</summary>
    public SongCodes? ContinueFrom { get; init; }

    /// <summary>The section of <see cref="ContinueFrom"/>, from 1, that is sung again in place of further ones; null for none.</summary>
    public int? ReplaceSection { get; init; }

    /// <summary>True if no words are sung and only the instrumental track is heard.</summary>
    public bool Instrumental { get; init; }

    /// <summary>The length of each section that is sung, in place of <see cref="MaxNewTokens"/>; null for none. If the family does not
    /// sing in sections, the one length of the whole song.</summary>
    public IReadOnlyList<double>? TargetSeconds { get; init; }

    /// <summary>The score that the model writes or is given; null if its family has no scores.</summary>
    public ScorePlan? Plan { get; init; }

    /// <summary>The score to use, in ABC notation; null if the model writes it.</summary>
    public string? Score { get; init; }

    /// <summary>The sound to return.</summary>
    public OutputSettings Output { get; init; } = new();

    /// <summary>The settings with which stage-1 tokens are drawn.</summary>
    public SamplingSettings Sampling { get; init; } = new();

    /// <summary>A clip whose style is taken on; null for none.</summary>
    public SongReference? Reference { get; init; }
}

/// <summary>The part of the way from lyrics to sound that a song goes.</summary>
public enum SongScope
{
    /// <summary>Stage 1, stage 2 and decode.</summary>
    Full,

    /// <summary>Without stage 2: the codec renders what stage 1 wrote, at 16 kHz.</summary>
    Draft,

    /// <summary>Without stage 1: the song is that of <see cref="SongRequest.ContinueFrom"/>.</summary>
    Finish,

    /// <summary>The score alone, without music.</summary>
    Score,
}

/// <summary>The sound that a song is returned as.</summary>
public sealed record OutputSettings
{
    /// <summary>The rate of the codec alone, without the vocoders: all that a draft has.</summary>
    public const int CodecSampleRateHz = 16000;

    /// <summary>44100 (vocoder and splice) or 16000 (codec only), in Hz.</summary>
    public int SampleRate { get; init; } = 44100;

    /// <summary>True if the vocal and the instrumental track are returned beside the mix.</summary>
    public bool Stems { get; init; }

    /// <summary>The loudness of the mix (ITU-R BS.1770), set when files are made; null leaves it as it came out.</summary>
    public double? LoudnessLufs { get; init; }

    /// <summary>The seconds in which a song fades out whose end was cut at the token limit; 0 is off.</summary>
    public double FadeOutSeconds { get; init; } = 1.0;
}

/// <summary>The settings of the sampling chain (docs/model.md 2.4, docs/model-yue2.md 5). The defaults are those of YuE 1.</summary>
public sealed record SamplingSettings
{
    /// <summary>The guidance of a song's first section.</summary>
    public const double FirstGuidanceScale = 1.5;

    /// <summary>The guidance of the sections after the first.</summary>
    public const double LaterGuidanceScale = 1.2;

    /// <summary>Scores are divided by this before top-k and top-p.</summary>
    public double Temperature { get; init; } = 1.0;

    /// <summary>The nucleus: the smallest set of ids whose probability reaches this is kept.</summary>
    public double TopP { get; init; } = 0.93;

    /// <summary>The number of best ids that are kept; 0 is off.</summary>
    public int TopK { get; init; } = 50;

    /// <summary>Ids that occurred are made less likely by this factor; 1 is off.</summary>
    public double RepetitionPenalty { get; init; } = 1.1;

    /// <summary>Classifier-free guidance: 1 is off; null is <see cref="FirstGuidanceScale"/>, then
    /// <see cref="LaterGuidanceScale"/>.</summary>
    public double? GuidanceScale { get; init; }

    /// <summary>The steps of flow matching; null if the family has none.</summary>
    public int? FlowSteps { get; init; }
}

/// <summary>The bounds of a request's fields, both ends included.</summary>
public static class SongLimits
{
    public const int MinLyricsLength = 1;
    public const int MaxLyricsLength = 20_000;
    public const int MaxGenreLength = 1_000;
    public const int MinMaxNewTokens = 100;
    public const int MaxMaxNewTokens = 10_000;
    public const double MinTargetSeconds = 1.0;
    public const double MaxTargetSeconds = 100.0;

    /// <summary>The longest song of a family that does not sing in sections: what the context of YuE 2 has room for.</summary>
    public const double MaxSongSeconds = 900.0;

    public const int MinScoreLength = 1;
    public const int MaxScoreLength = 60_000;
    public const int MinFlowSteps = 1;
    public const int MaxFlowSteps = 100;
    public const double MinFadeOutSeconds = 0.0;
    public const double MaxFadeOutSeconds = 30.0;

    /// <summary>Sections of a song that is continued.</summary>
    public const int MaxCodesSections = 100;

    /// <summary>Frames of one of its sections: those of <see cref="MaxMaxNewTokens"/>.</summary>
    public const int MaxSectionFrames = MaxMaxNewTokens / 2;

    /// <summary>Frames of all its sections together: half an hour.</summary>
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

    /// <summary>The shortest and the longest stretch of a reference clip.</summary>
    public const int MinReferenceSeconds = 1;
    public const int MaxReferenceSeconds = 60;
    public const double DefaultReferenceEndSeconds = 30;
}
