using Yue.Engine.Songs;
using Yue.Engine.Tensors;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue1.Decode;

/// <summary>Decodes a track of codes in overlapping windows, so that device memory does not grow with the track's length.</summary>
/// <remarks>A window has at least as many frames of context on each side as a frame's samples can depend on. The context's own samples are
/// discarded. There is no context at the start and the end of the track, where the decoder's zero padding has the same effect as when
/// decoding in one piece. The samples equal those of decoding in one piece, except for the rounding of sums.</remarks>
/// <param name="codes">The track, which may still grow.</param>
/// <param name="decode">Decodes codes [Q, n] to samples [1, n · <paramref name="frameSamples"/>], F32. The result is disposed by this
/// class.</param>
/// <param name="frameSamples">The number of samples per frame.</param>
/// <param name="contextFrames">The number of frames on each side that a frame's samples can depend on.</param>
/// <param name="windows">The schedule of the windows.</param>
public sealed class TrackDecoder(
    CodeTrack codes, Func<Tensor, Tensor> decode, int frameSamples, int contextFrames, DecodeWindows windows)
{
    /// <summary>The number of decoded frames.</summary>
    public int FramesDone { get; private set; }

    /// <summary>True if the next window can be decoded.</summary>
    public bool CanAdvance => NextWindow is not null;

    /// <summary>True if the track is complete and every frame is decoded.</summary>
    public bool IsDone => codes.IsComplete && FramesDone == codes.Frames;

    /// <summary>The remaining windows; see <see cref="DecodeWindows.From"/>.</summary>
    public IEnumerable<(int Start, int FramesNeeded)> WindowsLeft => windows.From(FramesDone, contextFrames);

    /// <summary>Returns the number of frames that must be written before the window that begins at frame <paramref name="start"/>
    /// can be decoded.</summary>
    public int FramesNeededAt(int start) => windows.From(start, contextFrames).First().FramesNeeded;

    private DecodeWindow? NextWindow => windows.Next(FramesDone, codes.Frames, codes.IsComplete, contextFrames);

    /// <summary>Decodes the next window.</summary>
    /// <returns>The samples of the frames that follow the previously decoded ones.</returns>
    /// <exception cref="SongException">A sample is not finite.</exception>
    /// <exception cref="InvalidOperationException">The next window is not written yet.</exception>
    public float[] Advance()
    {
        var (from, to, start, end) = NextWindow ?? throw new InvalidOperationException("the next window is not written yet");
        using var scope = NewDisposeScope();
        var wave = decode(codes.Window(from, to));
        Shape.Expect(wave, [1, (long)(to - from) * frameSamples]);
        var kept = wave.narrow(1, (long)(start - from) * frameSamples, (long)(end - start) * frameSamples);
        if (!kept.isfinite().all().item<bool>())
        {
            throw new SongException($"frames {start} to {end - 1} decode to values that are not finite");
        }

        FramesDone = end;
        return kept.cpu().contiguous().data<float>().ToArray();
    }

    /// <summary>Decodes a window of every regular length and discards the samples.</summary>
    public void WarmUp()
    {
        foreach (var length in windows.Lengths(contextFrames))
        {
            using var scope = NewDisposeScope();
            decode(zeros([1, length], ScalarType.Int64));
        }
    }
}
