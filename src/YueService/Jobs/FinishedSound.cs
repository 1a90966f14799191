using System.Runtime.CompilerServices;
using Yue.Engine.Audio;

namespace YueService.Jobs;

/// <summary>The sound of a finished song, read from its file in pieces.</summary>
internal static class FinishedSound
{
    private const int ChunkBytes = 64 * 1024;

    /// <summary>Returns the format of a track's samples.</summary>
    /// <param name="wav">The track's file.</param>
    /// <param name="cancel">Stops reading.</param>
    public static async Task<PcmFormat> FormatOfAsync(Stream wav, CancellationToken cancel) =>
        WavFile.FormatOf(await HeaderAsync(wav, cancel));

    /// <summary>Returns a track in a format that is not stored as a file. PCM is read only as fast as the listener receives it; an encoded
    /// track is held in memory while it is being sent.</summary>
    /// <param name="wav">The track's file.</param>
    /// <param name="input">The format of its samples.</param>
    /// <param name="format">PCM, or a format to encode.</param>
    /// <param name="tags">The metadata to write into an encoded stream.</param>
    /// <param name="encoder">Encodes the track.</param>
    /// <param name="cancel">Stops the encoder.</param>
    public static IAsyncEnumerable<byte[]> ReadAsync(
        Stream wav, PcmFormat input, StreamFormat format, SoundTags tags, IStreamEncoder encoder, CancellationToken cancel) =>
        format == StreamFormat.Pcm
            ? SamplesAsync(wav, cancel)
            : encoder.Encode(token => SamplesAsync(wav, token), input, format, tags, cancel).ReadAsync(cancel);

    /// <summary>Returns the 16-bit PCM of a track.</summary>
    /// <param name="wav">The track's file.</param>
    /// <param name="cancel">Stops reading.</param>
    public static async IAsyncEnumerable<byte[]> SamplesAsync(Stream wav, [EnumeratorCancellation] CancellationToken cancel)
    {
        var header = await HeaderAsync(wav, cancel);
        var buffer = new byte[ChunkBytes];
        for (var left = WavFile.SampleBytes(header); left > 0;)
        {
            // Chunks contain complete samples of all channels: ChunkBytes is a multiple of their size.
            var piece = buffer.AsMemory(0, (int)Math.Min(left, ChunkBytes));
            var count = await wav.ReadAtLeastAsync(piece, piece.Length, throwOnEndOfStream: false, cancel);
            if (count == 0)
            {
                yield break;
            }

            left -= count;
            yield return buffer[..count];
        }
    }

    private static async Task<byte[]> HeaderAsync(Stream wav, CancellationToken cancel)
    {
        var header = new byte[WavFile.HeaderBytes];
        wav.Position = 0;
        await wav.ReadExactlyAsync(header, cancel);
        return header;
    }
}
