using System.Text.Json;
using Yue.Engine.Audio;
using Yue.Engine.Songs;

namespace YueService.Api.Requests;

/// <summary>Reads the body of an OpenAI-style audio request.</summary>
internal static class SpeechReader
{
    /// <summary>Reads a request; see <see cref="PredictReader.Read"/>. All lyric sections are sung.</summary>
    public static SpeechCommand? Read(
        JsonElement root, bool strict, IReadOnlyList<ModelDescription> models, out RequestFindings findings)
    {
        findings = new RequestFindings();
        if (root.ValueKind != JsonValueKind.Object)
        {
            findings.Error("$", $"the body is {JsonText.Describe(root)}; send an object with at least input.");
            return null;
        }

        var fields = new FieldReader(root, "", findings);
        var input = PredictReader.ReadLyrics(fields, SpeechFields.Input);
        var model = PredictReader.ReadModel(fields, SpeechFields.Model, models);
        var family = FamilyRule.FamilyOf(model, models);
        var song = new SongRequest
        {
            Lyrics = input ?? "",
            Genre = fields.Text(SpeechFields.Instructions) ?? SpeechFields.Instructions.Default!,
            Seed = fields.Long(SongFields.Seed),
            Model = model,
            RunNSegments = 0,
            Plan = family?.Capabilities.Contains(SongCapability.Score) == true ? ScorePlan.Full : null,
            Sampling = family?.Sampling ?? new SamplingSettings(),
        };
        var format = fields.Choice(SpeechFields.ResponseFormat) ?? StreamFormat.Wav;
        var stream = fields.Choice(SpeechFields.Stream);
        PredictReader.RefuseTakes(fields.Int(SongFields.Takes), findings);
        var meaningless = SpeechFields.Ignored.Where(fields.Ignore).ToList();
        fields.Finish();
        findings.ReportUnknown(strict);
        foreach (var name in meaningless)
        {
            findings.WarnIgnored(new TextField(name, "", 0, 0), $"{name} was ignored: it has no meaning for songs");
        }

        FamilyRule.Check(song.Model, models, findings);
        return findings.IsValid ? new(new(song, null, null, findings.Warnings) { Title = SongTitle.Of(song) }, format, stream) : null;
    }
}

/// <summary>An OpenAI-style audio request that passed every check.</summary>
/// <param name="Song">The song.</param>
/// <param name="Format">The format of the file.</param>
/// <param name="Stream">The form in which the sound is sent while the song is being made; null sends the whole file at the end, if the
/// format allows it.</param>
internal sealed record SpeechCommand(PredictCommand Song, StreamFormat Format, SpeechStream? Stream)
{
    /// <summary>The format of the whole file; null if the song is streamed.</summary>
    public AudioFormat? WholeFile => Stream is not null ? null : Format switch
    {
        StreamFormat.Wav => AudioFormat.Wav,
        StreamFormat.Flac => AudioFormat.Flac,
        StreamFormat.Mp3 => AudioFormat.Mp3,
        _ => null,
    };
}
