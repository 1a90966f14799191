using System.Globalization;
using Yue.Engine.Audio;
using Yue.Engine.Songs;

namespace YueService.Jobs.Audio;

/// <summary>The sound of a song at the requested loudness, with one gain for the mix and its stems so that they still add up.</summary>
/// <param name="Mix">The song.</param>
/// <param name="Vocal">The vocal track, if the song has stems.</param>
/// <param name="Instrumental">The instrumental track, if the song has stems.</param>
/// <param name="Loudness">The measured loudness and the gain; null if no target loudness was requested.</param>
/// <param name="Warnings">The reason why the requested loudness was not reached; empty if there is none.</param>
internal sealed record LeveledSong(
    AudioClip Mix, AudioClip? Vocal, AudioClip? Instrumental, LoudnessChange? Loudness, IReadOnlyList<string> Warnings)
{
    // A smaller difference is inaudible.
    private const double ResolutionDb = 0.05;

    /// <summary>Measures the mix and applies the gain.</summary>
    /// <param name="encoder">Measures the loudness.</param>
    /// <param name="song">The song as the engine made it.</param>
    /// <param name="targetLufs">The target loudness; null leaves the sound unchanged.</param>
    public static LeveledSong Level(ISongEncoder encoder, SongResult song, double? targetLufs)
    {
        if (targetLufs is not { } target)
        {
            return new(song.Mix, song.Vocal, song.Instrumental, null, []);
        }

        var measured = encoder.Measure(song.Mix);
        if (measured.IsSilent)
        {
            return new(
                song.Mix, song.Vocal, song.Instrumental, new(null, null, 0), ["output.loudness_lufs was ignored: the song is silent"]);
        }

        var gainDb = measured.GainDbTo(target);
        var reached = measured.IntegratedLufs + gainDb;
        string[] warnings = target - reached < ResolutionDb ? [] : [string.Create(
            CultureInfo.InvariantCulture,
            $"output.loudness_lufs is {target}, but only {reached:0.0} was reached: "
                + $"a higher loudness would put peaks above {Yue.Engine.Audio.Loudness.CeilingDbtp} dBTP")];
        var gain = (float)Math.Pow(10, gainDb / 20);
        return new(
            Scale(song.Mix, gain)!,
            Scale(song.Vocal, gain),
            Scale(song.Instrumental, gain),
            new(Math.Round(measured.IntegratedLufs, 2), Math.Round(measured.TruePeakDbtp, 2), Math.Round(gainDb, 2)),
            warnings);
    }

    private static AudioClip? Scale(AudioClip? clip, float gain) =>
        clip is null ? null : clip with { Samples = Array.ConvertAll(clip.Samples, sample => sample * gain) };
}
