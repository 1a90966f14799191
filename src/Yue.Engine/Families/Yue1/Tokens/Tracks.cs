using System.Collections.Immutable;

namespace Yue.Engine.Families.Yue1.Tokens;

/// <summary>The codebook-0 codes of the two tracks of a song, one per frame (50 Hz). The tracks have the same length.</summary>
/// <param name="Vocal">Codes; 0 to 1023 unless the sampler was allowed other ids.</param>
/// <param name="Instrumental">The same as <paramref name="Vocal"/>, for the instrumental track.</param>
public sealed record TrackCodes(ImmutableArray<int> Vocal, ImmutableArray<int> Instrumental)
{
    /// <summary>The number of frames of each track.</summary>
    public int Frames => Vocal.Length;
}

/// <summary>Splits and joins the two tracks of stage 1, which writes vocal and instrumental ids alternately (docs/model.md 2.4).</summary>
public static class Tracks
{
    public const int FramesPerSecond = 50;

    /// <summary>Returns the ids of two tracks: vocal of frame 0, instrumental of frame 0, vocal of frame 1 …</summary>
    /// <param name="vocal">[F] codes of codebook 0, each 0 to 1023.</param>
    /// <param name="instrumental">[F] codes of codebook 0, each 0 to 1023.</param>
    /// <returns>[2F] ids.</returns>
    public static int[] Interleave(ReadOnlySpan<int> vocal, ReadOnlySpan<int> instrumental)
    {
        if (vocal.Length != instrumental.Length)
        {
            throw new ArgumentException($"{vocal.Length} vocal and {instrumental.Length} instrumental codes, expected the same number");
        }

        var ids = new int[2 * vocal.Length];
        for (var frame = 0; frame < vocal.Length; frame++)
        {
            ids[2 * frame] = TokenMap.ToId(vocal[frame]);
            ids[(2 * frame) + 1] = TokenMap.ToId(instrumental[frame]);
        }

        return ids;
    }

    /// <summary>Returns the two tracks of one section; the inverse of <see cref="Interleave"/>.</summary>
    /// <param name="sectionIds">The ids between <c>&lt;SOA&gt;</c> and <c>&lt;EOA&gt;</c>, neither included. A leading
    /// <c>&lt;xcodec&gt;</c> and an unpaired last id are dropped.</param>
    public static TrackCodes Split(ReadOnlySpan<int> sectionIds)
    {
        if (sectionIds is [TokenMap.XCodec, ..])
        {
            sectionIds = sectionIds[1..];
        }

        var vocal = new int[sectionIds.Length / 2];
        var instrumental = new int[vocal.Length];
        for (var frame = 0; frame < vocal.Length; frame++)
        {
            vocal[frame] = TokenMap.ToCode(sectionIds[2 * frame]);
            instrumental[frame] = TokenMap.ToCode(sectionIds[(2 * frame) + 1]);
        }

        return new TrackCodes([.. vocal], [.. instrumental]);
    }
}
