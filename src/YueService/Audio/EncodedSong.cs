using Yue.Engine;
using Yue.Engine.Audio;
using YueService.Telemetry;

namespace YueService.Audio;

/// <summary>The files of a finished song.</summary>
/// <param name="Mix">The song.</param>
/// <param name="Vocal">The vocal track, when the song has stems.</param>
/// <param name="Instrumental">The instrumental track, when the song has stems.</param>
internal sealed record EncodedSong(byte[] Mix, byte[]? Vocal, byte[]? Instrumental)
{
    /// <summary>Encodes the mix, and the stems where the song has them.</summary>
    public static async Task<EncodedSong> EncodeAsync(
        ISongEncoder encoder, SongResult song, AudioFormat format, bool stems, CancellationToken cancel)
    {
        using var activity = YueTelemetry.Source.StartActivity("encode");
        activity?.SetTag("yue.format", format.Name());
        return new(
            await encoder.EncodeAsync(song.Mix, format, cancel),
            await StemAsync(song.Vocal),
            await StemAsync(song.Instrumental));

        async Task<byte[]?> StemAsync(AudioClip? clip) =>
            stems && clip is not null ? await encoder.EncodeAsync(clip, format, cancel) : null;
    }
}
