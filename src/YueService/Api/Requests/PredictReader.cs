using System.Text.Json;
using System.Text.RegularExpressions;
using Yue.Engine.Audio;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Songs;
using YueService.Jobs.Audio;

namespace YueService.Api.Requests;

/// <summary>Reads a song request from JSON: the one place that knows its fields, defaults and bounds.</summary>
internal static partial class PredictReader
{
    /// <summary>The sections of an instrumental song without lyrics.</summary>
    private const string InstrumentalLyrics = "[verse]\n\n[chorus]";

    private static readonly int[] SampleRatesHz = [44100, OutputSettings.CodecSampleRateHz];

    /// <summary>Reads a request.</summary>
    /// <param name="root">The body.</param>
    /// <param name="files">The files that came beside it, by the name of their field.</param>
    /// <param name="strict">Whether an unknown field is an error rather than a warning.</param>
    /// <param name="models">The names that <c>model</c> may have; with none known yet, any name passes.</param>
    /// <param name="findings">Every fault, when the request cannot be taken.</param>
    /// <param name="origin">The finished song that the body names by its id; null where it names none, or there is none.</param>
    /// <returns>Null when <paramref name="findings"/> has errors.</returns>
    public static PredictCommand? Read(
        JsonElement root,
        IReadOnlyDictionary<string, ClipFile> files,
        bool strict,
        IReadOnlyCollection<string> models,
        out RequestFindings findings,
        SongOrigin? origin = null)
    {
        findings = new RequestFindings();
        if (root.ValueKind != JsonValueKind.Object)
        {
            findings.Error("$", $"the body is {JsonText.Show(root)}; send an object with at least lyrics.");
            return null;
        }

        var fields = new FieldReader(root, "", findings);
        var clientJobId = ReadClientJobId(fields, findings);
        var returnCodes = fields.Flag("return_codes", false);
        var (song, format) = ReadSong(fields, models, origin);
        var reference = ReferenceReader.Read(fields, files, findings);
        fields.Finish();
        findings.ReportUnknown(strict);
        if (findings.IsValid)
        {
            song = RemakeReader.Check(song, fields, models);
        }

        if (reference is not null && song.Scope == SongScope.Finish)
        {
            findings.Warn("reference was ignored: stage \"finish\" sings nothing");
            reference = null;
        }

        return findings.IsValid ? new(song, format, clientJobId, findings.Warnings, returnCodes) { Reference = reference } : null;
    }

    private static (SongRequest Song, AudioFormat? Format) ReadSong(
        FieldReader fields, IReadOnlyCollection<string> models, SongOrigin? origin)
    {
        var defaults = new SongRequest { Lyrics = "" };
        var scope = RemakeReader.ReadScope(fields);
        var instrumental = fields.Flag("instrumental", origin?.Instrumental ?? false);
        var hasOthersLyrics = scope == SongScope.Finish || RemakeReader.NamesSong(fields);
        var defaultLyrics = origin?.Lyrics ?? (hasOthersLyrics ? "" : instrumental ? InstrumentalLyrics : null);
        var (output, format) = ReadOutput(fields.Object("output"), defaults.Output, scope);
        var song = new SongRequest
        {
            Lyrics = (defaultLyrics is not null && fields.IsMissing("lyrics") ? defaultLyrics : ReadLyrics(fields, "lyrics", instrumental)) ?? "",
            Genre = fields.Text("genre", 0, SongLimits.MaxGenreLength, $"\"{defaults.Genre}\"") ?? origin?.Genre ?? defaults.Genre,
            MaxNewTokens = fields.Int(
                "max_new_tokens", SongLimits.MinMaxNewTokens, SongLimits.MaxMaxNewTokens, defaults.MaxNewTokens),
            RunNSegments = fields.Int(
                "run_n_segments", SongLimits.MinRunNSegments, SongLimits.MaxRunNSegments, defaults.RunNSegments),
            Seed = fields.Long("seed", long.MinValue, long.MaxValue, defaults.Seed),
            Model = ReadModel(fields, models),
            Scope = scope,
            ContinueFrom = RemakeReader.ReadCodes(fields, origin),
            ReplaceSection = RemakeReader.ReadReplaceSection(fields),
            Instrumental = instrumental,
            TargetSeconds = RemakeReader.ReadTargetSeconds(fields),
            Output = output,
            Sampling = ReadSampling(fields.Object("sampling"), defaults.Sampling),
        };
        return (song, format);
    }

    /// <summary>Returns the lyrics; null if they are missing or invalid.</summary>
    /// <param name="fields">The request.</param>
    /// <param name="name">The name of the field.</param>
    /// <param name="instrumental">Whether only their sections matter.</param>
    public static string? ReadLyrics(FieldReader fields, string name, bool instrumental = false)
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
        else if (lyrics is not null && LyricsParser.Parse(lyrics) is { HasWords: false } parsed && !parsed.HasTagsOnly && !instrumental)
        {
            fields.Require(name, "has no letter and no number to sing", Expected);
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

    private static (OutputSettings Output, AudioFormat? Format) ReadOutput(FieldReader fields, OutputSettings defaults, SongScope scope)
    {
        var defaultRate = scope == SongScope.Draft ? OutputSettings.CodecSampleRateHz : defaults.SampleRate;
        var output = new OutputSettings
        {
            SampleRate = fields.OneOf("sample_rate", SampleRatesHz, defaultRate),
            Stems = fields.Flag("stems", defaults.Stems),
            LoudnessLufs = fields.Double(
                "loudness_lufs", SongLimits.MinLoudnessLufs, SongLimits.MaxLoudnessLufs, "the loudness as it comes out"),
            FadeOutSeconds = fields.Double(
                "fade_out_seconds", SongLimits.MinFadeOutSeconds, SongLimits.MaxFadeOutSeconds, "1") ?? defaults.FadeOutSeconds,
        };
        if (scope == SongScope.Draft && output.SampleRate != OutputSettings.CodecSampleRateHz)
        {
            fields.Error(
                "sample_rate",
                $"is {output.SampleRate} and stage is \"draft\", which is the codec alone; send {OutputSettings.CodecSampleRateHz}, leave it out, or ask for another stage.");
        }

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
