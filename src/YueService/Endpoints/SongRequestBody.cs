using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using Yue.Engine;
using Yue.Engine.Audio;
using YueService.Audio;
using YueService.Errors;
using YueService.Requests;
using YueService.Settings;

namespace YueService.Endpoints;

/// <summary>Reads the body of a song request, for callers that wait and for jobs.</summary>
internal sealed partial class SongRequestBody(
    ISongEngine engine, ISongEncoder encoder, SongCodesHandler codes, IOptions<ServiceOptions> options, ILogger<SongRequestBody> logger)
{
    /// <summary>Reads a request in the form of <c>/predict</c>.</summary>
    /// <param name="http">The request.</param>
    /// <param name="accepted">The format that the Accept header names; null leaves it to the body.</param>
    public async Task<Reading> ReadAsync(HttpContext http, AudioFormat? accepted)
    {
        var (document, unreadable) = await JsonBody.ReadAsync(http, options.Value.MaxBodyBytes);
        if (document is null)
        {
            return new(null, "", unreadable);
        }

        using (document)
        {
            var strict = Preferences.IsStrict(http.Request);
            if (strict)
            {
                Preferences.Applied(http.Response, Preferences.Strict);
            }

            var (origin, problem) = RemakeReader.SongIdOf(document.RootElement) is { } id ? await codes.FindAsync(http, id) : (null, null);
            return problem is null ? Check(http, document.RootElement, strict, accepted, origin) : new(null, "", problem);
        }
    }

    private Reading Check(HttpContext http, JsonElement body, bool strict, AudioFormat? accepted, SongOrigin? origin)
    {
        var command = PredictReader.Read(body, strict, engine.Status.Stage1Names(), out var findings, origin);
        if (command is null)
        {
            return new(null, "", Problems.Invalid(http, findings));
        }

        var format = accepted ?? command.Format ?? AudioFormat.Wav;
        if (!encoder.Supports(format))
        {
            return new(null, "", Problems.FormatUnavailable(http, format));
        }

        if (options.Value.LogLyrics)
        {
            LogLyrics(command.Song.Genre, command.Song.Lyrics);
        }

        return new(command, IdempotencyKey.HashOf(body), null);
    }

    [LoggerMessage(LogLevel.Information, "Song asked for: genre {Genre}, lyrics {Lyrics}")]
    private partial void LogLyrics(string genre, string lyrics);

    /// <summary>What a body says.</summary>
    /// <param name="Command">The request; null when there is a problem.</param>
    /// <param name="BodyHash">Tells the body from others.</param>
    /// <param name="Problem">What to answer with; null when there is a request.</param>
    internal sealed record Reading(PredictCommand? Command, string BodyHash, ProblemHttpResult? Problem);
}
