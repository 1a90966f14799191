using Yue.Engine.Songs;
using Yue.Engine.Tensors;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue2.Vae;

/// <summary>Decodes a song in tiles, which limits memory use and makes the beginning of the song available before the end is decoded
/// (docs/model-yue2.md 7.3).</summary>
public static class VaeTiles
{
    /// <summary>The number of frames per tile in the reference.</summary>
    public const int DefaultCoreFrames = 1024;

    /// <summary>The number of additional frames on each side of a tile in the reference.</summary>
    public const int DefaultHaloFrames = 16;

    /// <summary>The number of frames on each side that a frame's sound depends on.</summary>
    public const int MinHaloFrames = 12;

    /// <summary>Decodes latents tile by tile. The joined tiles equal the whole sound, up to rounding.</summary>
    /// <param name="decoder">The decoder; the caller owns it.</param>
    /// <param name="latents">[F, latent size], F32; the caller owns it, and must keep it until the last tile.</param>
    /// <param name="coreFrames">The maximum number of frames per tile.</param>
    /// <param name="haloFrames">The number of additional frames on each side that are decoded and cut off.</param>
    /// <returns>The tiles, [channels, S], F32, not clamped; the caller disposes each.</returns>
    /// <exception cref="SongException">A tile has a sample that is not finite.</exception>
    public static IEnumerable<Tensor> Decode(
        VaeDecoder decoder, Tensor latents, int coreFrames = DefaultCoreFrames, int haloFrames = DefaultHaloFrames)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(coreFrames, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(haloFrames, MinHaloFrames);
        return Tiles();

        IEnumerable<Tensor> Tiles()
        {
            var (F, _) = Shape.Dims2(latents);
            for (var start = 0L; start < F; start += coreFrames)
            {
                yield return Tile(decoder, latents, start, Math.Min(start + coreFrames, F), haloFrames);
            }
        }
    }

    /// <summary>Decodes a tile of zeros and discards it, so that on a GPU, the convolutions are planned before the first song.</summary>
    public static void WarmUp(VaeDecoder decoder, Device device)
    {
        using var scope = NewDisposeScope();
        decoder.Decode(zeros([DefaultCoreFrames + (2 * DefaultHaloFrames), decoder.Config.LatentSize], device: device));
    }

    private static Tensor Tile(VaeDecoder decoder, Tensor latents, long start, long end, int haloFrames)
    {
        var F = latents.shape[0];
        var (first, last) = (Math.Max(0, start - haloFrames), Math.Min(F, end + haloFrames));
        var frameSamples = decoder.Config.FrameSamples;
        var samples = Math.Min(end * frameSamples, decoder.SampleCount(F)) - (start * frameSamples);
        using var scope = NewDisposeScope();
        var sound = decoder.Decode(latents.narrow(0, first, last - first)).narrow(1, (start - first) * frameSamples, samples).contiguous();
        return sound.isfinite().all().item<bool>()
            ? sound.MoveToOuterDisposeScope()
            : throw new SongException("the decoded sound has samples that are not finite");
    }
}
