using static TorchSharp.torch;

namespace Yue.Engine.Codec;

/// <summary>Decodes a track of codes in overlapping chunks, so that device memory does not grow with its length.</summary>
/// <remarks>
/// A chunk is decoded with as many frames of context on both sides as a frame's samples can depend on; the context's own
/// samples are thrown away. Where the track begins or ends the context is cut short, and the decoder's zero padding acts
/// there exactly as in one piece. The samples equal those of one piece to the rounding of differently blocked sums.
/// </remarks>
public static class ChunkedDecoder
{
    /// <summary>The frames that a chunk gives by default: ten seconds.</summary>
    public const int DefaultChunkFrames = 500;

    /// <summary>Decodes a track.</summary>
    /// <param name="codes">[Q, F], integer, on any device.</param>
    /// <param name="decode">Turns codes [Q, n] into samples [1, n · <paramref name="frameSamples"/>], F32; what it returns
    /// is disposed here.</param>
    /// <param name="frameSamples">Samples a frame.</param>
    /// <param name="contextFrames">How many frames to each side a frame's samples can depend on.</param>
    /// <param name="chunkFrames">The frames that a chunk gives.</param>
    /// <param name="decoded">Told after every chunk how many frames it gave.</param>
    /// <param name="cancel">Looked at before every chunk.</param>
    /// <returns>F · <paramref name="frameSamples"/> samples.</returns>
    /// <exception cref="SongException">A sample is not finite.</exception>
    public static float[] Decode(
        Tensor codes,
        Func<Tensor, Tensor> decode,
        int frameSamples,
        int contextFrames,
        int chunkFrames = DefaultChunkFrames,
        Action<int>? decoded = null,
        CancellationToken cancel = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(chunkFrames);
        ArgumentOutOfRangeException.ThrowIfNegative(contextFrames);
        var (_, F) = Shape.Dims2(codes);
        var samples = new float[checked((int)(F * frameSamples))];
        for (var start = 0; start < F; start += chunkFrames)
        {
            cancel.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var end = (int)Math.Min((long)start + chunkFrames, F);
            var (from, to) = (Math.Max(start - contextFrames, 0), (int)Math.Min((long)end + contextFrames, F));
            var wave = decode(codes.narrow(1, from, to - from));
            Shape.Expect(wave, [1, (long)(to - from) * frameSamples]);
            var kept = wave.narrow(1, (long)(start - from) * frameSamples, (long)(end - start) * frameSamples);
            if (!kept.isfinite().all().item<bool>())
            {
                throw new SongException($"frames {start} to {end - 1} decode to values that are not finite");
            }

            kept.cpu().contiguous().data<float>().CopyTo(samples.AsSpan(start * frameSamples, (end - start) * frameSamples));
            decoded?.Invoke(end - start);
        }

        return samples;
    }
}
