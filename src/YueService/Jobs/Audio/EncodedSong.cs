using Yue.Engine.Audio;
using Yue.Engine.Songs;
using YueService.Telemetry;

namespace YueService.Jobs.Audio;

/// <summary>The files of a finished song.</summary>
/// <param name="Mix">The song; empty for a score alone.</param>
/// <param name="Vocal">The vocal track, when the song has stems.</param>
/// <param name="Instrumental">The instrumental track, when the song has stems.</param>
/// <param name="Loudness">What was measured and changed, where a loudness was asked for.</param>
/// <param name="Warnings">What the caller should know of it.</param>
internal sealed record EncodedSong(
    byte[] Mix, byte[]? Vocal, byte[]? Instrumental, LoudnessChange? Loudness, IReadOnlyList<string> Warnings)
{
    /// <summary>Encodes the mix, and the stems where the song has them, at the loudness that was asked for.</summary>
    public static async Task<EncodedSong> EncodeAsync(
        ISongEncoder encoder, SongResult song, AudioFormat format, OutputSettings output, SoundTags tags, CancellationToken cancel)
    {
        if (song.Scope == SongScope.Score)
        {
            return new([], null, null, null, []);
        }

        using var activity = YueTelemetry.Source.StartActivity("encode");
        activity?.SetTag("yue.format", format.Name());
        var leveled = LeveledSong.Level(encoder, song, output.LoudnessLufs);
        return new(
            await encoder.EncodeAsync(leveled.Mix, format, tags, cancel),
            await StemAsync(leveled.Vocal),
            await StemAsync(leveled.Instrumental),
            leveled.Loudness,
            leveled.Warnings);

        async Task<byte[]?> StemAsync(AudioClip? clip) =>
            output.Stems && clip is not null ? await encoder.EncodeAsync(clip, format, tags, cancel) : null;
    }
}
