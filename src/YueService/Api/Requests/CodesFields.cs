using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Songs;

namespace YueService.Api.Requests;

/// <summary>The fields of a song's stage-1 codes and, below <see cref="Sections"/>, those of a section.</summary>
internal static class CodesFields
{
    private static readonly WholeField Code = new("", "", 0, TokenMap.CodebookSize - 1);

    public static TextField Model { get; } = new(
        "model",
        "The model that made the song. It also makes the new song; a different `model` in the request is an error.",
        1,
        SongFields.Model.MaxLength)
    {
        IsRequired = true,
    };

    public static ArrayField Sections { get; } = new(
        "sections", $"The sections, at most {SongLimits.MaxCodesFrames:N0} frames in total (half an hour).", 1, SongLimits.MaxCodesSections)
    {
        IsRequired = true,
    };

    public static TextField Tag { get; } = new("tag", "The lyric tag, such as `verse`.", 1, SongLimits.MaxLyricsLength)
    {
        IsRequired = true,
    };

    public static ArrayField Vocal { get; } = new("vocal", "The codes of the vocal track.", 1, SongLimits.MaxSectionFrames)
    {
        IsRequired = true,
        Item = Code,
    };

    public static ArrayField Instrumental { get; } = new(
        "instrumental", "The codes of the instrumental track; as many as for the vocal track.", 1, SongLimits.MaxSectionFrames)
    {
        IsRequired = true,
        Item = Code,
    };

    public static ChoiceField<SectionEnd> Ended { get; } = new(
        "ended", "The reason why the section ended.", ("end_of_audio", SectionEnd.EndOfAudio), ("max_new_tokens", SectionEnd.MaxNewTokens))
    {
        Default = "end_of_audio",
    };

    public static WholeField Unpaired { get; } = Code with
    {
        Path = "unpaired",
        Description = "The last vocal code of a section with an odd number of tokens. It is not audible, but it is part of the "
            + "model's context for the next sections.",
        DefaultWords = "none",
    };

    public static IReadOnlyList<RequestField> OfSong { get; } = [Model, Sections];

    public static IReadOnlyList<RequestField> OfSection { get; } = [Tag, Vocal, Instrumental, Ended, Unpaired];
}
