using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Songs;

namespace YueService.Api.Requests;

/// <summary>Reads a song's stage-1 codes from JSON, in the form that <c>return_codes</c> gives.</summary>
internal static class CodesReader
{
    private const string EndOfAudio = "end_of_audio";
    private const string MaxNewTokens = "max_new_tokens";

    /// <summary>Reads codes; null when they are at fault, which is then noted.</summary>
    public static SongCodes? Read(FieldReader fields)
    {
        var model = RequiredText(fields, "model", 256, "the model that sang");
        var sections = fields.Objects("sections", 1, SongLimits.MaxCodesSections).Select(ReadSection).ToList();
        fields.Finish();
        var frames = sections.Sum(section => section?.Frames ?? 0);
        if (frames > SongLimits.MaxCodesFrames)
        {
            fields.Error("sections", $"have {frames} frames together; send at most {SongLimits.MaxCodesFrames}, which is half an hour.");
            return null;
        }

        return model is null || sections.Count == 0 || sections.Contains(null) ? null : new SongCodes(model, sections!);
    }

    private static SectionCodes? ReadSection(FieldReader fields)
    {
        var tag = RequiredText(fields, "tag", SongLimits.MaxLyricsLength, "the section's tag, such as verse");
        var vocal = fields.Integers("vocal", 1, SongLimits.MaxSectionFrames, 0, TokenMap.CodebookSize - 1);
        var instrumental = fields.Integers("instrumental", 1, SongLimits.MaxSectionFrames, 0, TokenMap.CodebookSize - 1);
        var ended = fields.OneOf("ended", [EndOfAudio, MaxNewTokens], $"\"{EndOfAudio}\"") ?? EndOfAudio;
        var unpaired = fields.OptionalInt("unpaired", 0, TokenMap.CodebookSize - 1, "none");
        fields.Finish();
        if (tag is null || vocal.IsEmpty || instrumental.IsEmpty)
        {
            return null;
        }

        if (vocal.Length != instrumental.Length)
        {
            fields.Error("instrumental", $"has {instrumental.Length} codes and vocal has {vocal.Length}; send as many for both tracks.");
            return null;
        }

        return new(tag, vocal, instrumental, ended == EndOfAudio ? SectionEnd.EndOfAudio : SectionEnd.MaxNewTokens, unpaired);
    }

    private static string? RequiredText(FieldReader fields, string name, int maxLength, string expected)
    {
        if (fields.IsMissing(name))
        {
            fields.Require(name, "is missing", expected);
        }

        return fields.Text(name, 1, maxLength, null);
    }
}
