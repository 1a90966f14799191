using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace Yue.Engine.Songs;

/// <summary>The codes that the first stage wrote for a song. They are small, and sufficient to finish, continue or change the
/// song.</summary>
/// <param name="Model">The name of the model that made the song.</param>
/// <param name="Sections">The sections, in order; empty if the model does not keep codes.</param>
public sealed record SongCodes(string Model, IReadOnlyList<SectionCodes> Sections)
{
    /// <summary>The number of frames per track in all sections.</summary>
    [JsonIgnore]
    public int Frames => Sections.Sum(section => section.Frames);
}

/// <summary>The codes of one section: one code of codebook 0 per track and frame, 50 frames per second.</summary>
/// <param name="Tag">The lyric tag, such as <c>verse</c>.</param>
/// <param name="Vocal">The vocal track's codes, 0 to 1023.</param>
/// <param name="Instrumental">The instrumental track's codes, one per vocal code.</param>
/// <param name="Ended">The reason why the section ended.</param>
/// <param name="Unpaired">The vocal code of an unfinished frame; null if there is none. It is not audible, but the model read it before
/// writing the next sections.</param>
public sealed record SectionCodes(
    string Tag,
    ImmutableArray<int> Vocal,
    ImmutableArray<int> Instrumental,
    SectionEnd Ended,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Unpaired = null)
{
    /// <summary>The number of frames per track.</summary>
    [JsonIgnore]
    public int Frames => Vocal.Length;
}
