using Yue.Engine.Songs;
using Yue.Engine.Tensors;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue1.Decode;

/// <summary>Decodes a track of codes in overlapping chunks, so that device memory does not grow with its length.</summary>
/// <remarks>
/// A chunk is decoded with at least as many frames of context on both sides as a frame's samples can depend on. The context's own
/// samples are discarded. There is no context at the start and the end of the track, where the decoder's zero padding acts exactly as
/// in one piece. The samples equal those of one piece up to the rounding of sums that are blocked differently. Every window of a
/// track, and of all tracks of the same length, has the same number of frames, because a GPU plans its convolutions for each length.
/// </remarks>
/// <param name="codes">[Q, F], integer, on any device; the caller keeps it.</param>
/// <param name="decode">Decodes codes [Q, n] to samples [1, n · <paramref name="frameSamples"/>], F32. The result is disposed
/// here.</param>
/// <param name="frameSamples">The samples per frame.</param>
/// <param name="contextFrames">The number of frames to each side that a frame's samples can depend on.</param>
/// <param name="chunkFrames">The frames that a chunk between two others decodes.</param>
public sealed class ChunkedDecoder(
    Tensor codes, Func<Tensor, Tensor> decode, int frameSamples, int contextFrames, int chunkFrames = ChunkedDecoder.DefaultChunkFrames)
{
    /// <summary>The frames that a chunk decodes by default: ten seconds.</summary>
    public const int DefaultChunkFrames = 500;

    private readonly int _frames = checked((int)Shape.Dims2(codes).Item2);
    private int _done;

    /// <summary>F · <c>frameSamples</c> samples. Those that are not decoded yet are 0.</summary>
    public float[] Samples { get; } = new float[checked((int)(Shape.Dims2(codes).Item2 * frameSamples))];

    /// <summary>True if every frame is decoded.</summary>
    public bool IsDone => _done == _frames;

    /// <summary>Decodes the next chunk.</summary>
    /// <returns>The number of frames decoded.</returns>
    /// <exception cref="SongException">A sample is not finite.</exception>
    public int Advance()
    {
        using var scope = NewDisposeScope();
        var window = (int)Math.Min((long)chunkFrames + (2L * contextFrames), _frames);
        var start = _done;
        var from = Math.Min(Math.Max(start - contextFrames, 0), _frames - window);
        var to = from + window;
        var end = to == _frames ? to : to - contextFrames;
        var wave = decode(codes.narrow(1, from, to - from));
        Shape.Expect(wave, [1, (long)(to - from) * frameSamples]);
        var kept = wave.narrow(1, (long)(start - from) * frameSamples, (long)(end - start) * frameSamples);
        if (!kept.isfinite().all().item<bool>())
        {
            throw new SongException($"frames {start} to {end - 1} decode to values that are not finite");
        }

        kept.cpu().contiguous().data<float>().CopyTo(Samples.AsSpan(start * frameSamples, (end - start) * frameSamples));
        _done = end;
        return end - start;
    }
}
