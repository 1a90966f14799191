using Yue.Engine.Audio;
using Yue.Engine.Songs;
using YueService.Telemetry;

namespace YueService.Jobs.Audio;

/// <summary>The files of a finished song.</summary>
/// <param name="Mix">The song; empty if only a score was written.</param>
/// <param name="Vocal">The vocal track, if the song has stems.</param>
/// <param name="Instrumental">The instrumental track, if the song has stems.</param>
/// <param name="Loudness">The measured loudness and the gain, if a target loudness was requested.</param>
/// <param name="Warnings">Warnings for the caller.</param>
internal sealed record EncodedSong(
    byte[] Mix, byte[]? Vocal, byte[]? Instrumental, LoudnessChange? Loudness, IReadOnlyList<string> Warnings)
{
    /// <summary>Encodes the mix and the requested stems at the requested loudness. A song that is only a score has no files.</summary>
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
