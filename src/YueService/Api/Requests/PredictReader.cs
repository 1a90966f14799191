using System.Text.Json;
using System.Text.RegularExpressions;
using Yue.Engine.Audio;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Songs;
using YueService.Jobs.Audio;

namespace YueService.Api.Requests;

/// <summary>Reads a song request from JSON, and checks its fields against each other and against the model.</summary>
internal static partial class PredictReader
{
    /// <summary>Reads a request.</summary>
    /// <param name="root">The body.</param>
    /// <param name="files">The files that were sent with it, by the name of their field.</param>
    /// <param name="strict">True if an unknown field is an error rather than a warning.</param>
    /// <param name="models">The models that <c>model</c> can name, the default model first. If none is known yet, any name is
    /// accepted.</param>
    /// <param name="findings">Receives the errors and warnings.</param>
    /// <param name="origin">The finished song that the body refers to by its id; null if the body refers to none, or if there is no such
    /// song.</param>
    /// <returns>Null when <paramref name="findings"/> has errors.</returns>
    public static PredictCommand? Read(
        JsonElement root,
        IReadOnlyDictionary<string, ClipFile> files,
        bool strict,
        IReadOnlyList<ModelDescription> models,
        out RequestFindings findings,
        SongOrigin? origin = null)
    {
        var command = ReadPartly(root, files, strict, models, out findings, origin);
        return findings.IsValid ? command : null;
    }

    /// <summary>Reads a request as <see cref="Read"/> does, but gives invalid fields their defaults instead of returning null.</summary>
    /// <returns>Null if the body is not an object.</returns>
    public static PredictCommand? ReadPartly(
        JsonElement root,
        IReadOnlyDictionary<string, ClipFile> files,
        bool strict,
        IReadOnlyList<ModelDescription> models,
        out RequestFindings findings,
        SongOrigin? origin)
    {
        findings = new RequestFindings();
        if (root.ValueKind != JsonValueKind.Object)
        {
            findings.Error("$", $"the body is {JsonText.Describe(root)}; send an object with at least lyrics.");
            return null;
        }

        var fields = new FieldReader(root, "", findings);
        var clientJobId = ReadClientJobId(fields, findings);
        var title = SongTitle.Read(fields, SongFields.Title);
        var callbackUrl = CallbackUrl.Read(fields, SongFields.CallbackUrl);
        var isStreamed = fields.Flag(SongFields.Stream);
        var returnCodes = fields.Flag(SongFields.ReturnCodes);
        var (song, format) = ReadSong(fields, models, origin);
        var takes = ReadTakes(fields, song);
        var reference = ReferenceReader.Read(fields, files, findings);
        fields.Finish();
        findings.ReportUnknown(strict);
        FamilyRule.Check(song.Model ?? song.ContinueFrom?.Model, models, findings);
        if (findings.IsValid)
        {
            song = FamilyRule.FamilyOf(song.Model, models) is { SingsSections: false }
                ? WholeSongRules.Check(song, fields)
                : RemakeReader.Check(song, fields, models);
        }

        if (reference is not null && song.Scope == SongScope.Finish)
        {
            findings.WarnIgnored(SongFields.Reference, "reference was ignored: stage \"finish\" sings nothing");
            reference = null;
        }

        return new(song, format, clientJobId, findings.Warnings, returnCodes)
        {
            Title = title ?? origin?.Title ?? SongTitle.Of(song),
            ParentId = origin?.Id,
            Takes = takes,
            CallbackUrl = callbackUrl,
            IsStreamed = isStreamed,
            Reference = reference,
        };
    }

    /// <summary>Reports an error if several takes are requested from an endpoint that returns one song.</summary>
    public static void RefuseTakes(int takes, RequestFindings findings)
    {
        if (takes > SongLimits.MinTakes)
        {
            var name = SongFields.Takes.Path;
            findings.Error(
                name, $"{name} is {takes}, but this endpoint returns one song; send the request to POST /v1/songs, or leave takes out.");
        }
    }

    private static int ReadTakes(FieldReader fields, SongRequest song)
    {
        var takes = fields.Int(SongFields.Takes);
        var lastSeed = long.MaxValue - (takes - 1);
        if (song.Seed > lastSeed)
        {
            fields.Error(
                SongFields.Seed,
                $"is {song.Seed}, and the last of {takes} takes would have a seed beyond {long.MaxValue}; "
                    + $"send a seed of at most {lastSeed}.");
        }

        if (takes > SongLimits.MinTakes && song.Scope == SongScope.Finish)
        {
            fields.Error(
                SongFields.Takes, $"is {takes}, and stage \"finish\" samples nothing: all takes would be identical; leave takes out.");
        }

        return takes;
    }

    private static (SongRequest Song, AudioFormat? Format) ReadSong(
        FieldReader fields, IReadOnlyList<ModelDescription> models, SongOrigin? origin)
    {
        var model = ReadModel(fields, SongFields.Model, models);
        var family = FamilyRule.FamilyOf(model, models);
        var scope = ReadScope(fields, family);
        var instrumental = fields.Flag(
            origin is null ? SongFields.Instrumental : SongFields.Instrumental with { Default = origin.Instrumental });
        var hasOriginalLyrics = scope == SongScope.Finish || RemakeReader.NamesSong(fields);
        var defaultLyrics = origin?.Lyrics ?? (hasOriginalLyrics ? "" : instrumental ? family?.InstrumentalLyrics ?? "" : null);
        var (output, format) = ReadOutput(fields.Object(SongFields.Output), scope);
        var isWithoutLyrics = defaultLyrics is not null && fields.IsMissing(SongFields.Lyrics);
        var song = new SongRequest
        {
            Lyrics = (isWithoutLyrics
                ? defaultLyrics
                : ReadLyrics(fields, SongFields.Lyrics, isAnyText: instrumental || family is { SingsSections: false })) ?? "",
            Genre = fields.Text(SongFields.Genre) ?? origin?.Genre ?? SongFields.Genre.Default!,
            MaxNewTokens = fields.Int(SongFields.MaxNewTokens),
            RunNSegments = fields.Int(SongFields.RunNSegments),
            Seed = fields.Long(SongFields.Seed),
            Model = model,
            Scope = scope,
            ContinueFrom = RemakeReader.ReadCodes(fields, origin),
            ReplaceSection = fields.OptionalInt(SongFields.ReplaceSection),
            Instrumental = instrumental,
            TargetSeconds = fields.Numbers(SongFields.TargetSeconds),
            Plan = ReadPlan(fields, family),
            Score = fields.Text(SongFields.Score),
            Output = output,
            Sampling = ReadSampling(fields.Object(SongFields.Sampling), family),
        };
        return (song, format);
    }

    /// <summary>Reports lyrics that are missing or invalid, or that contain nothing to sing. Returns the text; null if it is missing
    /// or invalid.</summary>
    /// <param name="fields">The request.</param>
    /// <param name="field">The field of the lyrics.</param>
    /// <param name="isAnyText">True if lyrics without a letter or number are accepted.</param>
    public static string? ReadLyrics(FieldReader fields, TextField field, bool isAnyText = false)
    {
        const string Expected = "the words to sing, in sections headed by tags such as [verse]";
        if (fields.IsMissing(field))
        {
            fields.Require(field, "is missing", Expected);
        }

        var lyrics = fields.Text(field);
        if (lyrics is not null && string.IsNullOrWhiteSpace(lyrics))
        {
            fields.Require(field, "is blank", Expected);
        }
        else if (lyrics is not null && LyricsParser.Parse(lyrics) is { HasWords: false } parsed && !parsed.HasTagsOnly && !isAnyText)
        {
            fields.Require(field, "has no letter or number to sing", Expected);
        }

        return lyrics;
    }

    private static string? ReadClientJobId(FieldReader fields, RequestFindings findings)
    {
        var field = SongFields.ClientJobId;
        var (present, text) = fields.AnyText(field);
        if (text is not null && text.Length >= field.MinLength && text.Length <= field.MaxLength && ClientJobId().IsMatch(text))
        {
            return text;
        }

        if (present)
        {
            findings.WarnIgnored(field, $"{field.Name} was ignored: it is not {field.Bounds}");
        }

        return null;
    }

    /// <summary>Returns the name of the model that sings; null means the first one.</summary>
    public static string? ReadModel(FieldReader fields, TextField field, IReadOnlyList<ModelDescription> models) => models.Count == 0
        ? fields.Text(field)
        : fields.Name(new ChoiceField<ModelDescription>(field.Path, field.Description, [.. models.Select(model => (model.Name, model))])
        {
            DefaultWords = field.DefaultWords,
            IsForEveryFamily = true,
        });

    private static (OutputSettings Output, AudioFormat? Format) ReadOutput(FieldReader fields, SongScope scope)
    {
        var isDraft = scope == SongScope.Draft;
        var rate = isDraft ? SongFields.SampleRate with { Default = OutputSettings.CodecSampleRateHz } : SongFields.SampleRate;
        var output = new OutputSettings
        {
            SampleRate = fields.Choice(rate),
            Stems = fields.Flag(SongFields.Stems),
            LoudnessLufs = fields.OptionalNumber(SongFields.LoudnessLufs),
            FadeOutSeconds = fields.Number(SongFields.FadeOutSeconds),
        };
        if (isDraft && output.SampleRate != OutputSettings.CodecSampleRateHz)
        {
            fields.Error(
                rate,
                $"is {output.SampleRate}, but stage is \"draft\", which uses only the codec; "
                    + $"send {OutputSettings.CodecSampleRateHz}, leave it out, or choose another stage.");
        }

        var format = fields.Choice(SongFields.Format);
        fields.Finish();
        return (output, format);
    }

    /// <summary>Returns the plan of the score; null for a family without scores. Without a known family, returns the plan that was sent, if
    /// any.</summary>
    private static ScorePlan? ReadPlan(FieldReader fields, FamilyDescription? family)
    {
        var plan = fields.Choice(SongFields.Plan);
        return family is null ? plan : family.Capabilities.Contains(SongCapability.Score) ? plan ?? ScorePlan.Full : null;
    }

    private static SongScope ReadScope(FieldReader fields, FamilyDescription? family)
    {
        var scope = fields.Choice(SongFields.Stage) ?? SongScope.Full;
        if (family is not null && !family.Scopes.Contains(scope))
        {
            string NameOf(SongScope known) => SongFields.Stage.Choices.First(choice => choice.Value == known).Name;
            fields.Error(
                SongFields.Stage,
                $"is \"{NameOf(scope)}\", which {family.Title} models do not support; "
                    + $"send {string.Join(" or ", family.Scopes.Select(known => $"\"{NameOf(known)}\""))}.");
        }

        return scope;
    }

    /// <summary>Reads the sampling settings. Absent fields have the defaults of the model's family.</summary>
    private static SamplingSettings ReadSampling(FieldReader fields, FamilyDescription? family)
    {
        var defaults = family?.Sampling ?? new SamplingSettings();
        var steps = fields.OptionalInt(SongFields.FlowSteps);
        var sampling = new SamplingSettings
        {
            Temperature = fields.Number(SongFields.Temperature with { Default = defaults.Temperature }),
            TopP = fields.Number(SongFields.TopP with { Default = defaults.TopP }),
            TopK = fields.Int(SongFields.TopK with { Default = defaults.TopK }),
            RepetitionPenalty = fields.Number(SongFields.RepetitionPenalty with { Default = defaults.RepetitionPenalty }),
            GuidanceScale = fields.OptionalNumber(SongFields.GuidanceScale),
            FlowSteps = defaults.FlowSteps is null ? null : steps ?? defaults.FlowSteps,
        };
        fields.Finish();
        return sampling;
    }

    [GeneratedRegex($@"^{SongFields.ClientJobIdCharacters}*\z")]
    private static partial Regex ClientJobId();
}
