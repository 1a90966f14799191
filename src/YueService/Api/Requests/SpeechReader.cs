using System.Text.Json;
using Yue.Engine.Songs;

namespace YueService.Api.Requests;

/// <summary>Reads the body of an OpenAI-style audio request.</summary>
internal static class SpeechReader
{
    /// <summary>Reads a request; see <see cref="PredictReader.Read"/>. All lyric sections are sung.</summary>
    public static PredictCommand? Read(
        JsonElement root, bool strict, IReadOnlyList<ModelDescription> models, out RequestFindings findings)
    {
        findings = new RequestFindings();
        if (root.ValueKind != JsonValueKind.Object)
        {
            findings.Error("$", $"the body is {JsonText.Show(root)}; send an object with at least input.");
            return null;
        }

        var fields = new FieldReader(root, "", findings);
        var input = PredictReader.ReadLyrics(fields, SpeechFields.Input);
        var song = new SongRequest
        {
            Lyrics = input ?? "",
            Genre = fields.Text(SpeechFields.Instructions) ?? SpeechFields.Instructions.Default!,
            Seed = fields.Long(SongFields.Seed),
            Model = PredictReader.ReadModel(fields, SpeechFields.Model, models),
            RunNSegments = 0,
        };
        var format = fields.Choice(SpeechFields.ResponseFormat);
        var meaningless = SpeechFields.Ignored.Where(fields.Ignore).ToList();
        fields.Finish();
        findings.ReportUnknown(strict);
        foreach (var name in meaningless)
        {
            findings.Warn($"{name} was ignored: it has no meaning for songs");
        }

        FamilyRule.Check(song.Model, models, findings);
        return findings.IsValid ? new(song, format, null, findings.Warnings) { Title = SongTitle.Of(song) } : null;
    }
}
