using System.Collections.Immutable;
using Yue.Engine.Families.Yue1.Tokens;

namespace Yue.Engine.Families.Yue1.Text;

/// <summary>The input of stage 1 (docs/model.md 2.4).</summary>
public sealed record SongPrompt
{
    /// <summary>The task, the genre, all lyrics, and the reference clip if there is one. The first of <see cref="Sections"/> begins with
    /// these ids.</summary>
    public required ImmutableArray<int> Head { get; init; }

    /// <summary>For each section, the ids that are appended to the context before the section is sampled.</summary>
    public required ImmutableArray<ImmutableArray<int>> Sections { get; init; }

    /// <summary>True if a reference clip is part of <see cref="Head"/>.</summary>
    public bool HasReference { get; init; }

    /// <summary>Warnings about transliterated lyrics, an unused reference clip and changes to the genre line, in plain words.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>Returns the minimum context of a section in ids: the head and the section's own prompt.</summary>
    /// <param name="section">The section, from 0.</param>
    public int MinContext(int section) => (section == 0 ? 0 : Head.Length) + Sections[section].Length;
}

/// <summary>An audio prompt: the codebook-0 codes of part of a clip, 50 per second for each track (docs/model.md 5.8).</summary>
public sealed record ReferenceClip
{
    /// <summary>The number of codes per second of each track.</summary>
    public const int FrameRateHz = 50;

    private ReferenceClip(ImmutableArray<int> ids) => Ids = ids;

    /// <summary>The ids of the part to use; empty if it is outside the clip.</summary>
    public ImmutableArray<int> Ids { get; }

    /// <summary>Creates the prompt from one mixed track.</summary>
    /// <param name="codes">[F], 0 to 1023.</param>
    /// <param name="startSeconds">The start of the part to use.</param>
    /// <param name="endSeconds">The end of the part, limited to the end of the clip.</param>
    /// <param name="firstSecond">The position in the clip at which the codes begin, in whole seconds.</param>
    public static ReferenceClip OfMix(ReadOnlySpan<int> codes, double startSeconds, double endSeconds, int firstSecond = 0)
    {
        var ids = new int[codes.Length];
        for (var frame = 0; frame < ids.Length; frame++)
        {
            ids[frame] = TokenMap.ToId(codes[frame]);
        }

        return new ReferenceClip(Window(ids, FrameRateHz, startSeconds, endSeconds, firstSecond));
    }

    /// <summary>Creates the prompt from a vocal and an instrumental track. The longer one is cut to the length of the shorter.</summary>
    /// <remarks>The part is cut out of the interleaved ids. As in the reference implementation, it begins with the
    /// instrumental id of a frame if the integer part of 100 times <paramref name="startSeconds"/> is odd.</remarks>
    /// <param name="vocal">[F], 0 to 1023.</param>
    /// <param name="instrumental">[F], 0 to 1023.</param>
    /// <param name="startSeconds">The start of the part to use.</param>
    /// <param name="endSeconds">The end of the part, limited to the end of the clip.</param>
    /// <param name="firstSecond">The position in the clip at which the codes begin, in whole seconds.</param>
    public static ReferenceClip OfTracks(
        ReadOnlySpan<int> vocal, ReadOnlySpan<int> instrumental, double startSeconds, double endSeconds, int firstSecond = 0)
    {
        var F = Math.Min(vocal.Length, instrumental.Length);
        return new ReferenceClip(
            Window(Tracks.Interleave(vocal[..F], instrumental[..F]), 2 * FrameRateHz, startSeconds, endSeconds, firstSecond));
    }

    private static ImmutableArray<int> Window(int[] ids, int idsPerSecond, double startSeconds, double endSeconds, int firstSecond)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(startSeconds);
        ArgumentOutOfRangeException.ThrowIfLessThan(endSeconds, startSeconds);
        int Place(double seconds) => Math.Clamp((int)(seconds * idsPerSecond) - (firstSecond * idsPerSecond), 0, ids.Length);
        return [.. ids[Place(startSeconds)..Place(endSeconds)]];
    }
}
