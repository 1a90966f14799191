using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1.Tokens;

/// <summary>Converts between a section's codes and the ids that stage 1 samples for it.</summary>
public static class SectionIds
{
    /// <summary>Returns the section for the ids that stage 1 sampled.</summary>
    /// <param name="tag">The lyric tag.</param>
    /// <param name="ids">The sampled ids, with the end id if the section ended on its own.</param>
    public static SectionCodes ToSection(string tag, ReadOnlySpan<int> ids)
    {
        var ended = ids[^1] == TokenMap.EndOfAudio ? SectionEnd.EndOfAudio : SectionEnd.MaxNewTokens;
        var sung = ended == SectionEnd.EndOfAudio ? ids[..^1] : ids;
        var tracks = Tracks.Split(sung);
        return new SectionCodes(
            tag, tracks.Vocal, tracks.Instrumental, ended, sung.Length % 2 == 0 ? null : TokenMap.ToCode(sung[^1]));
    }

    /// <summary>Returns the ids that stage 1 sampled; the inverse of <see cref="ToSection"/>.</summary>
    public static int[] ToIds(this SectionCodes section) =>
    [
        .. Tracks.Interleave(section.Vocal.AsSpan(), section.Instrumental.AsSpan()),
        .. section.Unpaired is { } code ? [TokenMap.ToId(code)] : Array.Empty<int>(),
        .. section.Ended == SectionEnd.EndOfAudio ? [TokenMap.EndOfAudio] : Array.Empty<int>(),
    ];
}
