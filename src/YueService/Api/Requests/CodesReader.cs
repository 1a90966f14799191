using Yue.Engine.Songs;

namespace YueService.Api.Requests;

/// <summary>Reads a song's stage-1 codes from JSON, in the form that <c>return_codes</c> produces.</summary>
internal static class CodesReader
{
    /// <summary>Reads codes; returns null and reports the errors if they are invalid.</summary>
    public static SongCodes? Read(FieldReader fields)
    {
        var model = RequiredText(fields, CodesFields.Model, "the model that made the song");
        var sections = fields.Objects(CodesFields.Sections).Select(ReadSection).ToList();
        fields.Finish();
        var frames = sections.Sum(section => section?.Frames ?? 0);
        if (frames > SongLimits.MaxCodesFrames)
        {
            fields.Error(
                CodesFields.Sections, $"has {frames} frames in total; send at most {SongLimits.MaxCodesFrames}, which is half an hour.");
            return null;
        }

        return model is null || sections.Count == 0 || sections.Contains(null) ? null : new SongCodes(model, sections!);
    }

    private static SectionCodes? ReadSection(FieldReader fields)
    {
        var tag = RequiredText(fields, CodesFields.Tag, "the section's tag, such as verse");
        var vocal = fields.Integers(CodesFields.Vocal);
        var instrumental = fields.Integers(CodesFields.Instrumental);
        var ended = fields.Choice(CodesFields.Ended) ?? SectionEnd.EndOfAudio;
        var unpaired = fields.OptionalInt(CodesFields.Unpaired);
        fields.Finish();
        if (tag is null || vocal.IsEmpty || instrumental.IsEmpty)
        {
            return null;
        }

        if (vocal.Length != instrumental.Length)
        {
            fields.Error(
                CodesFields.Instrumental,
                $"differs from vocal in its number of codes ({instrumental.Length} and {vocal.Length}); "
                    + "send the same number for both tracks.");
            return null;
        }

        return new(tag, vocal, instrumental, ended, unpaired);
    }

    private static string? RequiredText(FieldReader fields, TextField field, string expected)
    {
        if (fields.IsMissing(field))
        {
            fields.Require(field, "is missing", expected);
        }

        return fields.Text(field);
    }
}
