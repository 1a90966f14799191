using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using Yue.Engine.Audio;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using YueService.Api.Access;
using YueService.Api.Errors;
using YueService.Api.Requests;
using YueService.Jobs;
using YueService.Jobs.Audio;
using YueService.Jobs.Webhooks;
using YueService.Settings;

namespace YueService.Api.Songs;

/// <summary>Reads the body of a song request, for callers that wait and for jobs.</summary>
internal sealed partial class SongRequestBody(
    ISongEngine engine,
    SongChecks checks,
    ReferenceLoader references,
    ClipFolder clips,
    WebhookClient webhooks,
    SongCodesHandler codes,
    BodyReader bodies,
    JobIntake intake,
    IOptions<JobOptions> jobs,
    SongRateLimit limit,
    JobEstimate estimate,
    IOptions<ServiceOptions> options,
    ILogger<SongRequestBody> logger)
{
    /// <summary>The warning about <c>stream</c> in a request for a job.</summary>
    public const string StreamIgnored = "stream was ignored: to hear the job, use GET /v1/songs/{id}/stream";

    /// <summary>Reads a request in the form of <c>/predict</c>.</summary>
    /// <param name="http">The request.</param>
    /// <param name="accepted">The format that the Accept header names; null if the body selects the format.</param>
    public async Task<Reading> ReadAsync(HttpContext http, AudioFormat? accepted)
    {
        var (body, unreadable) = await OpenAsync(http, isNew: true);
        if (body is null)
        {
            return new(null, unreadable);
        }

        using (body)
        {
            return await ReadAsync(http, body, accepted, hasTakes: false);
        }
    }

    /// <summary>Reads a request's body without interpreting it.</summary>
    /// <param name="http">The request.</param>
    /// <param name="isNew">True if the request is for a new song. A clip is then read only if the service could accept a job now.</param>
    /// <returns>The body, which the caller disposes, or the problem to return.</returns>
    public Task<(SongBody? Body, ProblemHttpResult? Problem)> OpenAsync(HttpContext http, bool isNew) =>
        bodies.ReadSongAsync(http, () => isNew ? RefuseEarly(http) : null);

    private ProblemHttpResult? RefuseEarly(HttpContext http) =>
        Problems.Refusal(http, intake.WhyRefused, engine.Status, estimate);

    /// <summary>Interprets a body.</summary>
    /// <param name="http">The request.</param>
    /// <param name="body">The body.</param>
    /// <param name="accepted">The format that the Accept header names; null if the body selects the format.</param>
    /// <param name="hasTakes">True if the response can be a group of takes.</param>
    public async Task<Reading> ReadAsync(HttpContext http, SongBody body, AudioFormat? accepted, bool hasTakes)
    {
        var reading = await ExamineAsync(http, body, accepted, hasTakes);
        if (reading.Command is { } command && options.Value.LogLyrics)
        {
            LogLyrics(command.Song.Genre, command.Song.Lyrics);
        }

        return reading;
    }

    /// <summary>Interprets a body without logging its lyrics.</summary>
    public async Task<Reading> ExamineAsync(HttpContext http, SongBody body, AudioFormat? accepted, bool hasTakes)
    {
        var strict = Preferences.IsStrict(http.Request);
        if (strict)
        {
            Preferences.Applied(http.Response, Preferences.Strict);
        }

        var (origin, problem) = RemakeReader.SongIdOf(body.Json) is { } id ? await codes.FindAsync(http, id) : (null, null);
        return problem is null ? await CheckAsync(http, body, strict, accepted, origin, hasTakes) : new(null, problem);
    }

    private async Task<Reading> CheckAsync(
        HttpContext http, SongBody body, bool strict, AudioFormat? accepted, SongOrigin? origin, bool hasTakes)
    {
        var command = PredictReader.ReadPartly(
            body.Json, await FilesOfAsync(body, http.RequestAborted), strict, engine.Status.KnownModels, out var findings, origin);
        if (command is not null && findings.IsValid)
        {
            CheckTakes(command.Takes, hasTakes, http.User.Identity?.Name, findings);
            CheckCallback(command.CallbackUrl, findings);
            command = await WithReferenceAsync(command, findings, http.RequestAborted);
        }

        var problem = ProblemOf(http, command, accepted, findings);
        return new(problem is null ? command : null, problem) { Song = command?.Song, Notes = findings.Notes };
    }

    /// <summary>Reports a callback URL to which this service cannot send webhooks.</summary>
    private void CheckCallback(string? url, RequestFindings findings)
    {
        var name = SongFields.CallbackUrl.Path;
        if (url is not null && !webhooks.IsEnabled)
        {
            findings.Error(name, $"{name} needs a webhook secret, and Yue:Webhooks:Secret is not set. Set it, or leave the field out.");
        }
        else if (url is not null && webhooks.FaultOf(new Uri(url)) is { } fault)
        {
            findings.Error(name, $"{name} {fault}.");
        }
    }

    /// <summary>Returns the files of a body and the uploaded clip that it refers to.</summary>
    private async Task<Dictionary<string, ClipFile>> FilesOfAsync(SongBody body, CancellationToken cancel)
    {
        var files = body.Clips.ToDictionary(StringComparer.Ordinal);
        if (ReferenceReader.ClipIdOf(body.Json) is { } id && await clips.UseAsync(id, cancel) is not null)
        {
            files[SongFields.ReferenceClip.Path] = new ClipFile(async token => await clips.ReadAsync(id, token) ?? []);
        }

        return files;
    }

    private ProblemHttpResult? ProblemOf(HttpContext http, PredictCommand? command, AudioFormat? accepted, RequestFindings findings)
    {
        if (command is null || !findings.IsValid)
        {
            return Problems.Invalid(http, findings.Errors);
        }

        var format = accepted ?? command.Format ?? AudioFormat.Wav;
        return checks.Refuse(http, command.Song, format, accepted is null ? SongFields.Format : null);
    }

    /// <summary>Reports takes that this endpoint cannot make, or that exceed the capacity of the queue or the rate limit.</summary>
    private void CheckTakes(int takes, bool hasTakes, string? owner, RequestFindings findings)
    {
        if (!hasTakes)
        {
            PredictReader.RefuseTakes(takes, findings);
        }
        else if (Math.Min(jobs.Value.CapacityOf(owner), limit.MaxAtOnce) is var most && takes > most)
        {
            var name = SongFields.Takes.Path;
            findings.Error(name, $"{name} is {takes}, and this service accepts at most {most} songs at once; send at most {most}.");
        }
    }

    private async Task<PredictCommand> WithReferenceAsync(PredictCommand command, RequestFindings findings, CancellationToken cancel)
    {
        if (command.Reference is not { } upload || !findings.IsValid)
        {
            return command;
        }

        var loaded = await references.LoadAsync(upload, cancel);
        findings.Add(loaded);
        return command with
        {
            Reference = null,
            Song = command.Song with { Reference = loaded.Reference },
            Warnings = findings.Warnings,
        };
    }

    [LoggerMessage(LogLevel.Information, "Song requested: genre {Genre}, lyrics {Lyrics}")]
    private partial void LogLyrics(string genre, string lyrics);

    /// <summary>The result of reading a body.</summary>
    /// <param name="Command">The request; null if there is a problem.</param>
    /// <param name="Problem">The problem to return; null if there is a request.</param>
    internal sealed record Reading(PredictCommand? Command, ProblemHttpResult? Problem)
    {
        /// <summary>The song, as far as the body could be read: invalid fields have their defaults. Null if nothing was read.</summary>
        public SongRequest? Song { get; init; }

        /// <summary>Warnings about how the body was interpreted.</summary>
        public IReadOnlyList<SongFinding> Notes { get; init; } = [];
    }
}
