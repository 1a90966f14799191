using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Yue.Engine.Families.Yue1.Tokens;

namespace Yue.Engine.Songs;

/// <summary>A song as stage 1 wrote it: small, and all that is needed to finish, continue or change it.</summary>
/// <param name="Model">The stage-1 checkpoint that sang.</param>
/// <param name="Sections">The sections sung, in order.</param>
public sealed record SongCodes(string Model, IReadOnlyList<SectionCodes> Sections)
{
    /// <summary>The frames of each track, over all sections.</summary>
    [JsonIgnore]
    public int Frames => Sections.Sum(section => section.Frames);
}

/// <summary>One section as stage 1 wrote it: a code of codebook 0 a track and frame, 50 frames a second.</summary>
/// <param name="Tag">The lyric tag, such as <c>verse</c>.</param>
/// <param name="Vocal">The vocal track's codes, 0 to 1023.</param>
/// <param name="Instrumental">The instrumental track's codes, as many.</param>
/// <param name="Ended">What ended it.</param>
/// <param name="Unpaired">The vocal code of a frame that was begun and not finished; null without one. It is not heard, but
/// the sections after it were sung knowing it.</param>
public sealed record SectionCodes(
    string Tag,
    ImmutableArray<int> Vocal,
    ImmutableArray<int> Instrumental,
    SectionEnd Ended,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Unpaired = null)
{
    /// <summary>The frames of each track.</summary>
    [JsonIgnore]
    public int Frames => Vocal.Length;

    /// <summary>The section of the ids that stage 1 sampled, the end id included where it came.</summary>
    public static SectionCodes FromIds(string tag, ReadOnlySpan<int> ids)
    {
        var ended = ids[^1] == TokenMap.EndOfAudio ? SectionEnd.EndOfAudio : SectionEnd.MaxNewTokens;
        var sung = ended == SectionEnd.EndOfAudio ? ids[..^1] : ids;
        var tracks = Tracks.Split(sung);
        return new SectionCodes(
            tag, tracks.Vocal, tracks.Instrumental, ended, sung.Length % 2 == 0 ? null : TokenMap.ToCode(sung[^1]));
    }

    /// <summary>The ids that stage 1 sampled; undoes <see cref="FromIds"/>.</summary>
    public int[] ToIds() =>
    [
        .. Tracks.Interleave(Vocal.AsSpan(), Instrumental.AsSpan()),
        .. Unpaired is { } code ? [TokenMap.ToId(code)] : Array.Empty<int>(),
        .. Ended == SectionEnd.EndOfAudio ? [TokenMap.EndOfAudio] : Array.Empty<int>(),
    ];
}
