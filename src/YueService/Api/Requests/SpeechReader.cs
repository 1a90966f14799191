using System.Text.Json;
using Yue.Engine.Songs;
using YueService.Jobs.Audio;

namespace YueService.Api.Requests;

/// <summary>Reads the body of an OpenAI-style audio request: the one place that knows its fields.</summary>
internal static class SpeechReader
{
    // Sent by such clients and without a meaning for songs.
    private static readonly string[] Ignored = ["voice", "speed", "stream_format"];

    /// <summary>Reads a request; see <see cref="PredictReader.Read"/>. All lyric sections are sung.</summary>
    public static PredictCommand? Read(
        JsonElement root, bool strict, IReadOnlyCollection<string> models, out RequestFindings findings)
    {
        findings = new RequestFindings();
        if (root.ValueKind != JsonValueKind.Object)
        {
            findings.Error("$", $"the body is {JsonText.Show(root)}; send an object with at least input.");
            return null;
        }

        var defaults = new SongRequest { Lyrics = "" };
        var fields = new FieldReader(root, "", findings);
        var input = PredictReader.ReadLyrics(fields, "input");
        var instructions = fields.Text("instructions", 0, SongLimits.MaxGenreLength, $"\"{defaults.Genre}\"") ?? defaults.Genre;
        var format = fields.OneOf("response_format", [.. SongFormats.ByName.Keys], "\"wav\"");
        var seed = fields.Long("seed", long.MinValue, long.MaxValue, defaults.Seed);
        var model = PredictReader.ReadModel(fields, models);
        var meaningless = Ignored.Where(name => !fields.IsMissing(name)).ToList();
        fields.Finish();
        findings.ReportUnknown(strict);
        foreach (var name in meaningless)
        {
            findings.Warn($"{name} was ignored: it has no meaning for songs");
        }

        if (!findings.IsValid)
        {
            return null;
        }

        var song = new SongRequest { Lyrics = input!, Genre = instructions, Seed = seed, Model = model, RunNSegments = 0 };
        return new(song, format is null ? null : SongFormats.ByName[format], null, findings.Warnings);
    }
}
