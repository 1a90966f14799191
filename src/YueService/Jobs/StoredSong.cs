using Yue.Engine.Audio;
using Yue.Engine.Songs;
using YueService.Jobs.Audio;

namespace YueService.Jobs;

/// <summary>The stored data of a finished song, without its files.</summary>
internal sealed record StoredSong
{
    /// <summary>The number of samples per second of every track.</summary>
    public required int SampleRate { get; init; }

    /// <summary>The number of channels of every track.</summary>
    public int Channels { get; init; } = 1;

    /// <summary>The length of the mix, in seconds.</summary>
    public required double DurationSeconds { get; init; }

    /// <summary>The seed that was used.</summary>
    public required long Seed { get; init; }

    /// <summary>The model that made the song.</summary>
    public required string Model { get; init; }

    /// <summary>The stages that were run.</summary>
    public SongScope Scope { get; init; }

    /// <summary>The time that each stage took.</summary>
    public required SongTimings Timings { get; init; }

    /// <summary>The score that the music follows, in ABC notation; null without one.</summary>
    public string? Score { get; init; }

    /// <summary>The sections, in order. Empty for a model without sections.</summary>
    public required IReadOnlyList<SectionResult> Sections { get; init; }

    /// <summary>Warnings about how the request was interpreted and how the song was made.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>The tracks that have a file: <c>mix</c>, and if the song has stems, also <c>vocal</c> and <c>instrumental</c>. Empty if
    /// only a score was written.</summary>
    public required IReadOnlyList<string> Tracks { get; init; }

    /// <summary>The part of the reference clip that was used; null without one.</summary>
    public ReferenceResult? Reference { get; init; }

    /// <summary>The effect of <c>output.loudness_lufs</c>; null if it was not requested.</summary>
    public LoudnessChange? Loudness { get; init; }

    /// <summary>The loudness of the mix (ITU-R BS.1770); null for silence, and for songs of earlier releases.</summary>
    public double? MixLufs { get; init; }

    /// <summary>Returns the data to store for a song that the engine made.</summary>
    public static StoredSong Of(SongResult result, JobRequest request, EncodedSong encoded, IEnumerable<string> tracks) => new()
    {
        SampleRate = result.Mix.SampleRateHz,
        Channels = result.Mix.Channels,
        DurationSeconds = result.Mix.DurationSeconds,
        Seed = result.Seed,
        Model = result.Model,
        Scope = result.Scope,
        Score = result.Score,
        Timings = result.Timings,
        Sections = result.Sections,
        Warnings = [.. request.Warnings, .. result.Warnings, .. encoded.Warnings],
        Tracks = [.. tracks],
        Reference = result.Reference,
        Loudness = encoded.Loudness,
        MixLufs = LufsOf(result.Mix, encoded.Loudness),
    };

    private static double? LufsOf(AudioClip mix, LoudnessChange? change) =>
        LoudnessMeter.Integrated(mix) is > LoudnessMeter.SilenceLufs and var lufs ? Math.Round(lufs + (change?.GainDb ?? 0), 2) : null;
}

/// <summary>A song in its folder.</summary>
/// <param name="Song">The song without its files.</param>
/// <param name="Files">The size of each file in bytes, by name.</param>
/// <param name="Folder">The folder; null if the folder is named after the job's id.</param>
internal sealed record SongOnDisk(StoredSong Song, IReadOnlyDictionary<string, long> Files, string? Folder = null);
