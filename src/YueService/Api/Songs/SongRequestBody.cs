using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using Yue.Engine.Audio;
using Yue.Engine.Families.Yue1;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using YueService.Api.Errors;
using YueService.Api.Requests;
using YueService.Jobs;
using YueService.Jobs.Audio;
using YueService.Settings;

namespace YueService.Api.Songs;

/// <summary>Reads the body of a song request, for callers that wait and for jobs.</summary>
internal sealed partial class SongRequestBody(
    ISongEngine engine,
    ISongEncoder encoder,
    ReferenceLoader references,
    SongCodesHandler codes,
    BodyReader bodies,
    JobIntake intake,
    JobEstimate estimate,
    IOptions<ServiceOptions> options,
    ILogger<SongRequestBody> logger)
{
    /// <summary>Reads a request in the form of <c>/predict</c>.</summary>
    /// <param name="http">The request.</param>
    /// <param name="accepted">The format that the Accept header names; null leaves it to the body.</param>
    public async Task<Reading> ReadAsync(HttpContext http, AudioFormat? accepted)
    {
        var (body, unreadable) = await OpenAsync(http, isNew: true);
        if (body is null)
        {
            return new(null, unreadable);
        }

        using (body)
        {
            return await ReadAsync(http, body, accepted);
        }
    }

    /// <summary>Reads a request's body, without a look at what it asks for.</summary>
    /// <param name="http">The request.</param>
    /// <param name="isNew">Whether it asks for a song that does not exist yet: a clip is read only if the queue has room.</param>
    /// <returns>The body, which the caller disposes, or the problem to answer with.</returns>
    public Task<(SongBody? Body, ProblemHttpResult? Problem)> OpenAsync(HttpContext http, bool isNew) =>
        bodies.ReadSongAsync(http, () => isNew ? RefuseEarly(http) : null);

    private ProblemHttpResult? RefuseEarly(HttpContext http) =>
        Problems.Refusal(http, intake.WhyRefused, engine.Status, estimate);

    /// <summary>Reads what a body asks for.</summary>
    public async Task<Reading> ReadAsync(HttpContext http, SongBody body, AudioFormat? accepted)
    {
        var strict = Preferences.IsStrict(http.Request);
        if (strict)
        {
            Preferences.Applied(http.Response, Preferences.Strict);
        }

        var (origin, problem) = RemakeReader.SongIdOf(body.Json) is { } id ? await codes.FindAsync(http, id) : (null, null);
        return problem is null ? await CheckAsync(http, body, strict, accepted, origin) : new(null, problem);
    }

    private async Task<Reading> CheckAsync(HttpContext http, SongBody body, bool strict, AudioFormat? accepted, SongOrigin? origin)
    {
        var command = PredictReader.Read(body.Json, body.Clips, strict, engine.Status.SongModels, out var findings, origin);
        if (command is not null)
        {
            CheckLoudness(command.Song.Output, encoder, findings);
            command = await WithReferenceAsync(command, findings, http.RequestAborted);
        }

        if (command is null || !findings.IsValid)
        {
            return new(null, Problems.Invalid(http, findings.Errors));
        }

        if (engine.Status.IsDemo && LatinScript.FaultOf(SongPlan.For(command.Song).Lyrics) is { } mute)
        {
            return new(null, Problems.Create(http, ProblemType.Unsingable, mute));
        }

        var format = accepted ?? command.Format ?? AudioFormat.Wav;
        if (!encoder.Supports(format))
        {
            return new(null, Problems.FormatUnavailable(http, format.Name()));
        }

        if (options.Value.LogLyrics)
        {
            LogLyrics(command.Song.Genre, command.Song.Lyrics);
        }

        return new(command, null);
    }

    /// <summary>Notes that a loudness cannot be measured here.</summary>
    public static void CheckLoudness(OutputSettings output, ISongEncoder encoder, RequestFindings findings)
    {
        if (output.LoudnessLufs is not null && !encoder.CanMeasure)
        {
            var name = SongFields.LoudnessLufs.Path;
            findings.Error(name, $"{name} needs ffmpeg, which is not installed here. Install it, or leave the field out.");
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
        return command with { Reference = null, Song = command.Song with { Reference = loaded.Reference } };
    }

    [LoggerMessage(LogLevel.Information, "Song asked for: genre {Genre}, lyrics {Lyrics}")]
    private partial void LogLyrics(string genre, string lyrics);

    /// <summary>What a body says.</summary>
    /// <param name="Command">The request; null when there is a problem.</param>
    /// <param name="Problem">What to answer with; null when there is a request.</param>
    internal sealed record Reading(PredictCommand? Command, ProblemHttpResult? Problem);
}
