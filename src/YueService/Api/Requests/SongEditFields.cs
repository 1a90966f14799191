namespace YueService.Api.Requests;

/// <summary>The fields of <c>PATCH /v1/songs/{id}</c>. One that is absent stays as it is.</summary>
internal static class SongEditFields
{
    public const int MaxNoteLength = 2_000;

    public static TextField Title { get; } = SongFields.Title with
    {
        Description = "The song's title. If absent, it is not changed; null makes it the first line of the lyrics again.",
        DefaultWords = "the present title",
    };

    public static FlagField Favourite { get; } = new(
        "favourite",
        "Whether the song is a favourite: no retention removes it, and its files do not count. If absent, it is not changed; null makes it "
            + "false.")
    {
        DefaultWords = "the present value",
    };

    public static TextField Note { get; } = new(
        "note", "The user's own words about the song. If absent, they are not changed; null or empty text removes them.", 0, MaxNoteLength)
    {
        DefaultWords = "the present note",
    };

    public static IReadOnlyList<RequestField> All { get; } = [Title, Favourite, Note];
}
