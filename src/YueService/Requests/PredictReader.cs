using System.Text.Json;
using System.Text.RegularExpressions;
using Yue.Engine;
using Yue.Engine.Audio;
using YueService.Audio;

namespace YueService.Requests;

/// <summary>Reads a song request from JSON: the one place that knows its fields, defaults and bounds.</summary>
internal static partial class PredictReader
{
    private static readonly int[] SampleRatesHz = [44100, 16000];

    /// <summary>Reads a request.</summary>
    /// <param name="root">The body.</param>
    /// <param name="files">The files that came beside it, by the name of their field.</param>
    /// <param name="strict">Whether an unknown field is an error rather than a warning.</param>
    /// <param name="models">The names that <c>model</c> may have; with none known yet, any name passes.</param>
    /// <param name="findings">Every fault, when the request cannot be taken.</param>
    /// <returns>Null when <paramref name="findings"/> has errors.</returns>
    public static PredictCommand? Read(
        JsonElement root,
        IReadOnlyDictionary<string, byte[]> files,
        bool strict,
        IReadOnlyCollection<string> models,
        out RequestFindings findings)
    {
        findings = new RequestFindings();
        if (root.ValueKind != JsonValueKind.Object)
        {
            findings.Error("$", $"the body is {JsonText.Show(root)}; send an object with at least lyrics.");
            return null;
        }

        var defaults = new SongRequest { Lyrics = "" };
        var fields = new FieldReader(root, "", findings);
        var lyrics = ReadLyrics(fields, "lyrics");
        var genre = fields.Text("genre", 0, SongLimits.MaxGenreLength, $"\"{defaults.Genre}\"") ?? defaults.Genre;
        var maxNewTokens = fields.Int(
            "max_new_tokens", SongLimits.MinMaxNewTokens, SongLimits.MaxMaxNewTokens, defaults.MaxNewTokens);
        var runNSegments = fields.Int(
            "run_n_segments", SongLimits.MinRunNSegments, SongLimits.MaxRunNSegments, defaults.RunNSegments);
        var seed = fields.Long("seed", long.MinValue, long.MaxValue, defaults.Seed);
        var clientJobId = ReadClientJobId(fields, findings);
        var model = ReadModel(fields, models);
        var (output, format) = ReadOutput(fields.Object("output"), defaults.Output);
        var sampling = ReadSampling(fields.Object("sampling"), defaults.Sampling);
        var reference = ReadReference(fields, files, findings);
        fields.Finish();
        findings.ReportUnknown(strict);
        if (!findings.IsValid)
        {
            return null;
        }

        var song = new SongRequest
        {
            Lyrics = lyrics!,
            Genre = genre,
            MaxNewTokens = maxNewTokens,
            RunNSegments = runNSegments,
            Seed = seed,
            Model = model,
            Output = output,
            Sampling = sampling,
        };
        return new(song, format, clientJobId, findings.Warnings) { Reference = reference };
    }

    private static ReferenceUpload? ReadReference(FieldReader fields, IReadOnlyDictionary<string, byte[]> files, RequestFindings findings)
    {
        foreach (var name in files.Keys.Except(ReferenceReader.FileNames))
        {
            findings.Unknown(name);
        }

        var known = files.Where(file => ReferenceReader.FileNames.Contains(file.Key)).ToDictionary(StringComparer.Ordinal);
        return ReferenceReader.Read(fields, known, findings);
    }

    /// <summary>The lyrics, under the name that the request calls them; null when missing or at fault.</summary>
    public static string? ReadLyrics(FieldReader fields, string name)
    {
        const string Expected = "the words to sing, in sections headed by tags such as [verse]";
        if (fields.IsMissing(name))
        {
            fields.Require(name, "is missing", Expected);
        }

        var lyrics = fields.Text(name, SongLimits.MinLyricsLength, SongLimits.MaxLyricsLength, null);
        if (lyrics is not null && string.IsNullOrWhiteSpace(lyrics))
        {
            fields.Require(name, "is blank", Expected);
        }

        return lyrics;
    }

    private static string? ReadClientJobId(FieldReader fields, RequestFindings findings)
    {
        var (present, text) = fields.AnyText("client_job_id");
        if (text is not null && ClientJobId().IsMatch(text))
        {
            return text;
        }

        if (present)
        {
            findings.Warn("client_job_id was ignored: it is not 1 to 256 letters, digits or . _ : -");
        }

        return null;
    }

    /// <summary>The checkpoint to sing with; null is the first one.</summary>
    public static string? ReadModel(FieldReader fields, IReadOnlyCollection<string> models) => models.Count == 0
        ? fields.Text("model", 1, 256, "the first configured one")
        : fields.OneOf("model", models, "the first configured one");

    private static (OutputSettings Output, AudioFormat? Format) ReadOutput(FieldReader fields, OutputSettings defaults)
    {
        var output = new OutputSettings
        {
            SampleRate = fields.OneOf("sample_rate", SampleRatesHz, defaults.SampleRate),
            Stems = fields.Flag("stems", defaults.Stems),
            LoudnessLufs = fields.Double(
                "loudness_lufs", SongLimits.MinLoudnessLufs, SongLimits.MaxLoudnessLufs, "the loudness as it comes out"),
        };
        var format = fields.OneOf("format", [.. SongFormats.ByName.Keys], "\"wav\"");
        fields.Finish();
        return (output, format is null ? null : SongFormats.ByName[format]);
    }

    private static SamplingSettings ReadSampling(FieldReader fields, SamplingSettings defaults)
    {
        var sampling = new SamplingSettings
        {
            Temperature = fields.Double(
                "temperature", SongLimits.MinTemperature, SongLimits.MaxTemperature, "1.0") ?? defaults.Temperature,
            TopP = fields.Double("top_p", SongLimits.MinTopP, SongLimits.MaxTopP, "0.93") ?? defaults.TopP,
            TopK = fields.Int("top_k", SongLimits.MinTopK, SongLimits.MaxTopK, defaults.TopK),
            RepetitionPenalty = fields.Double(
                "repetition_penalty", SongLimits.MinRepetitionPenalty, SongLimits.MaxRepetitionPenalty, "1.1")
                ?? defaults.RepetitionPenalty,
            GuidanceScale = fields.Double(
                "guidance_scale",
                SongLimits.MinGuidanceScale,
                SongLimits.MaxGuidanceScale,
                "1.5 in the first section and 1.2 after"),
        };
        fields.Finish();
        return sampling;
    }

    [GeneratedRegex(@"^[a-zA-Z0-9._:-]{1,256}\z")]
    private static partial Regex ClientJobId();
}
