using System.Runtime.CompilerServices;
using Yue.Engine.Audio;

namespace YueService.Jobs;

/// <summary>The sound of a finished song, read from its file in pieces.</summary>
internal static class FinishedSound
{
    private const int ChunkBytes = 64 * 1024;

    /// <summary>Returns a track in a form that no file has. A listener that reads slowly costs little memory.</summary>
    /// <param name="wav">The track's file.</param>
    /// <param name="sampleRateHz">Its rate.</param>
    /// <param name="format">PCM, or a format to encode.</param>
    /// <param name="tags">What an encoded form says about the song.</param>
    /// <param name="encoder">Encodes it.</param>
    /// <param name="cancel">Stops the encoder.</param>
    public static IAsyncEnumerable<byte[]> ReadAsync(
        Stream wav, int sampleRateHz, StreamFormat format, SoundTags tags, IStreamEncoder encoder, CancellationToken cancel) =>
        format == StreamFormat.Pcm
            ? SamplesAsync(wav, cancel)
            : encoder.Encode(token => SamplesAsync(wav, token), sampleRateHz, format, tags, cancel).ReadAsync(cancel);

    /// <summary>Returns the 16-bit PCM of a track.</summary>
    /// <param name="wav">The track's file.</param>
    /// <param name="cancel">Stops reading.</param>
    public static async IAsyncEnumerable<byte[]> SamplesAsync(Stream wav, [EnumeratorCancellation] CancellationToken cancel)
    {
        var header = new byte[WavFile.HeaderBytes];
        wav.Position = 0;
        await wav.ReadExactlyAsync(header, cancel);
        var buffer = new byte[ChunkBytes];
        for (var left = WavFile.SampleBytes(header); left > 0;)
        {
            var count = await wav.ReadAtLeastAsync(buffer.AsMemory(0, (int)Math.Min(left, ChunkBytes)), 1, false, cancel);
            if (count == 0)
            {
                yield break;
            }

            left -= count;
            yield return buffer[..count];
        }
    }
}
