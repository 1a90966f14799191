using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Yue.Engine.Families.Yue1;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using YueService.Api.Errors;
using YueService.Api.Requests;
using YueService.Jobs;

namespace YueService.Api.Songs;

/// <summary><c>POST /v1/songs/check</c>: checks a request without making a song.</summary>
internal sealed class SongCheckHandler(SongRequestBody requests, ISongEngine engine, JobEstimate estimate)
{
    // More findings would not be useful.
    private const int MaxFindings = 200;

    /// <summary>Checks a request as POST /v1/songs does. No song is made.</summary>
    /// <response code="200">The errors and warnings. A request with errors would be rejected.</response>
    public async Task<Results<Ok<SongCheckResponse>, ProblemHttpResult>> CheckAsync(HttpContext http)
    {
        var (body, unreadable) = await requests.OpenAsync(http, isNew: false);
        if (body is null)
        {
            return unreadable!;
        }

        using (body)
        {
            var reading = await requests.ExamineAsync(http, body, accepted: null, hasTakes: true);
            return ErrorsOf(reading.Problem?.ProblemDetails) is { } errors
                ? TypedResults.Ok(Show(reading, errors, body.Json))
                : reading.Problem!;
        }
    }

    /// <summary>Returns the errors of a request by field; null if the problem is not caused by the request.</summary>
    private static IReadOnlyDictionary<string, string[]>? ErrorsOf(ProblemDetails? problem)
    {
        if (problem is null)
        {
            return new Dictionary<string, string[]>();
        }

        if (problem.Extensions.TryGetValue("errors", out var errors))
        {
            return (IReadOnlyDictionary<string, string[]>)errors!;
        }

        var field = problem switch
        {
            // The song that the request continues was removed, is not finished, or has no codes.
            { Status: StatusCodes.Status404NotFound or StatusCodes.Status409Conflict } => SongFields.ContinueFrom,
            _ => (RequestField?)null,
        };
        return field is null ? null : new Dictionary<string, string[]> { [field.Path] = [problem.Detail!] };
    }

    private SongCheckResponse Show(SongRequestBody.Reading reading, IReadOnlyDictionary<string, string[]> errors, JsonElement json)
    {
        var song = reading.Song ?? new SongRequest { Lyrics = "" };
        var takes = reading.Command?.Takes ?? SongLimits.MinTakes;
        var isInSections = FamilyRule.FamilyOf(song.Model, engine.Status.KnownModels) is not { SingsSections: false };
        var plan = isInSections ? SongPlan.For(song) : new SongPlan { Before = [] };
        var (lyrics, genre) = (new CharacterPlaces(TextOf(json, SongFields.Lyrics)), new CharacterPlaces(TextOf(json, SongFields.Genre)));
        var hasValidFields = errors.Count == 0 || reading.Problem?.ProblemDetails.Type == ProblemType.Unsingable.Urn;
        var size = hasValidFields ? engine.Measure(song) : null;
        var isAbsent = engine.Status.AbsentModels.Any(model => model.Name == song.Model);
        List<SongFinding> findings =
        [
            .. reading.Notes,
            .. reading.Command is { IsStreamed: true }
                ? [new("ignored_field", SongFields.Stream.Path, SongRequestBody.StreamIgnored)]
                : Array.Empty<SongFinding>(),
            .. song.Lyrics.Length == 0 ? [] : plan.Findings,
            .. isInSections ? UserText.Check(song.Genre, SongFields.Genre.Path) : [],
            .. size?.Findings ?? [],
            .. isAbsent
                ? [new("no_worker", SongFields.Model.Path, $"no running worker has model {song.Model}; the song will wait for one")]
                : Array.Empty<SongFinding>(),
        ];
        return new()
        {
            Valid = errors.Count == 0,
            Errors = errors,
            Warnings = Show(findings, finding => finding.Field == SongFields.Lyrics.Path ? lyrics : genre),
            Sections = Show(plan, plan.ExpectedSeconds(song, SingingPace.Of(engine.Status.IsDemo)), lyrics),
            PromptTokens = size?.PromptTokens,
            ContextTokens = size?.ContextTokens,
            EstimatedWaitSeconds = errors.Count == 0 && !isAbsent ? estimate.SecondsForNew(song, takes) : null,
        };
    }

    private static List<SongWarning> Show(List<SongFinding> findings, Func<SongFinding, CharacterPlaces> placesOf)
    {
        List<SongWarning> warnings =
        [
            .. findings.Take(MaxFindings).Select(finding =>
            {
                var place = finding.Span is { } span ? placesOf(finding).Of(span) : null;
                return new SongWarning(finding.Code, finding.Field, place?.Start, place?.End, finding.Message);
            }),
        ];
        if (findings.Count > MaxFindings)
        {
            warnings.Add(new("more", "$", null, null, $"warnings that are not listed: {findings.Count - MaxFindings}"));
        }

        return warnings;
    }

    private static List<CheckedSection> Show(SongPlan plan, IReadOnlyList<double?> seconds, CharacterPlaces lyrics) =>
    [
        .. plan.Lyrics.Select((section, i) =>
        {
            var place = lyrics.Of(plan.Places[i]);
            return new CheckedSection(
                section.Tag,
                section.WrittenTag,
                place?.Start,
                place?.End,
                seconds[i] is not null,
                seconds[i] is { } known ? Math.Round(known, 1) : null);
        }),
    ];

    /// <summary>Returns the text that the request has in a field; null if it has none.</summary>
    private static string? TextOf(JsonElement json, RequestField field) =>
        JsonText.TryGetProperty(json, field.Name, out var value)
            && value.ValueKind == JsonValueKind.String && JsonText.TryGet(value, out var text, out _)
            ? text
            : null;

    /// <summary>Converts UTF-16 positions in the text of a field to positions in Unicode characters.</summary>
    private sealed class CharacterPlaces(string? text)
    {
        private readonly int[] _characters = text is null ? [] : Count(text);

        /// <summary>Returns the position of a span that is given in UTF-16 units; null if no text was sent.</summary>
        public TextSpan? Of(TextSpan units) =>
            _characters.Length == 0 ? null : new(_characters[units.Start], _characters[units.End]);

        /// <summary>Returns the number of characters before each UTF-16 unit of the text, and before its end.</summary>
        private static int[] Count(string text)
        {
            var counts = new int[text.Length + 1];
            for (var i = 0; i < text.Length; i++)
            {
                counts[i + 1] = counts[i] + (char.IsLowSurrogate(text[i]) && i > 0 && char.IsHighSurrogate(text[i - 1]) ? 0 : 1);
            }

            return counts;
        }
    }
}
