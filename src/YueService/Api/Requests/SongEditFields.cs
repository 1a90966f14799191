namespace YueService.Api.Requests;

/// <summary>The fields of <c>PATCH /v1/songs/{id}</c>. Absent fields are not changed.</summary>
internal static class SongEditFields
{
    public const int MaxNoteLength = 2_000;

    public static TextField Title { get; } = SongFields.Title with
    {
        Description = "The song's title. If absent, it is not changed; null resets it to the first line of the lyrics.",
        DefaultWords = "the current title",
    };

    public static FlagField Favourite { get; } = new(
        "favourite",
        "True for a favorite, which retention never removes and whose files do not count toward the retention limit. If absent, it is not "
            + "changed; null makes it false.")
    {
        DefaultWords = "the current value",
    };

    public static TextField Note { get; } = new(
        "note", "The user's note about the song. If absent, it is not changed; null or empty text removes it.", 0, MaxNoteLength)
    {
        DefaultWords = "the current note",
    };

    public static IReadOnlyList<RequestField> All { get; } = [Title, Favourite, Note];
}
