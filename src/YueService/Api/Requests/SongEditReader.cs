using System.Text.Json;
using YueService.Jobs;

namespace YueService.Api.Requests;

/// <summary>Reads the body of <c>PATCH /v1/songs/{id}</c>, a JSON merge patch.</summary>
internal static class SongEditReader
{
    /// <summary>Reads a change. A field that is absent is not changed; null resets it.</summary>
    /// <param name="root">The body.</param>
    /// <param name="song">The current song. A null title resets the title to the one derived from its lyrics.</param>
    /// <param name="findings">Receives the errors. An unknown field is an error.</param>
    public static JobEdit Read(JsonElement root, StoredJob song, out RequestFindings findings)
    {
        findings = new RequestFindings();
        if (root.ValueKind != JsonValueKind.Object)
        {
            findings.Error("$", $"the body is {JsonText.Describe(root)}; send an object with title, favourite or note.");
            return new JobEdit();
        }

        var fields = new FieldReader(root, "", findings);
        var favourite = fields.Flag(SongEditFields.Favourite);
        var edit = new JobEdit
        {
            Title = SongTitle.Read(fields, SongEditFields.Title)
                ?? (IsNull(root, SongEditFields.Title) ? SongTitle.Of(song.Request.Song) : null),
            IsFavourite = JsonText.TryGetProperty(root, SongEditFields.Favourite.Name, out _) ? favourite : null,
            Note = fields.Text(SongEditFields.Note) ?? (IsNull(root, SongEditFields.Note) ? "" : null),
        };
        fields.Finish();
        findings.ReportUnknown(strict: true);
        return edit;
    }

    private static bool IsNull(JsonElement root, RequestField field) =>
        JsonText.TryGetProperty(root, field.Name, out var value) && value.ValueKind == JsonValueKind.Null;
}
