using Microsoft.AspNetCore.Http.HttpResults;
using Yue.Engine.Audio;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using YueService.Api.Errors;
using YueService.Api.Requests;
using YueService.Api.Songs;
using YueService.Jobs;
using YueService.Jobs.Audio;
using YueService.Telemetry;

namespace YueService.Api.Predict;

/// <summary><c>POST /predict</c>: makes a song from lyrics while the caller waits.</summary>
internal sealed partial class PredictHandler(
    ISongEngine engine,
    JobIntake intake,
    JobEstimate estimate,
    SongRequestBody body,
    SongSubmitter submitter,
    PredictStreamer streamer,
    ISongEncoder encoder,
    ILogger<PredictHandler> logger)
{
    /// <summary>Makes a song and returns it.</summary>
    /// <remarks>If the caller disconnects, its song is cancelled.</remarks>
    /// <response code="200">The song: JSON with the file in base64, or the file itself if Accept names an audio type; with stream, the
    /// song's sound while the song is being made.</response>
    /// <response code="202">With Prefer: respond-async, the job; Location is its URL.</response>
    /// <response code="422">Fields are invalid; all of them are listed.</response>
    /// <response code="429">The queue is full; Retry-After says when to try again.</response>
    /// <response code="503">The models are not loaded; Retry-After says when to try again.</response>
    public async Task<Results<Ok<PredictResponse>, Accepted<SongJobResponse>, FileContentHttpResult, EmptyHttpResult, ProblemHttpResult>>
        PredictAsync(HttpContext http)
    {
        if (ResponseForm.Choose(http.Request) is not { } form)
        {
            return Problems.Create(
                http, ProblemType.NotAcceptable, "Accept application/json, audio/wav, audio/flac or audio/mpeg.");
        }

        if (Preferences.Has(http.Request.Headers["Prefer"], Preferences.Async))
        {
            switch ((await submitter.SubmitAsync(http, form.Format, hasTakes: false)).Result)
            {
                case Accepted<SongJobResponse> accepted:
                    Preferences.Applied(http.Response, Preferences.Async);
                    return accepted;
                case Accepted<SongGroupResponse> { Value: { } group }:
                    // The Idempotency-Key was already used for a group at POST /v1/songs.
                    var findings = new RequestFindings();
                    PredictReader.RefuseTakes(group.Takes.Count, findings);
                    return Problems.Invalid(http, findings.Errors);
                case var refusal:
                    return (ProblemHttpResult)refusal;
            }
        }

        var (command, problem) = await body.ReadAsync(http, form.Format);
        if (command is null)
        {
            return problem!;
        }

        if (command.Song.Scope == SongScope.Score && (form.IsFile || command.IsStreamed))
        {
            return RefuseFile(http);
        }

        if (command.CallbackUrl is not null)
        {
            command = command.WithWarning("callback_url was ignored: it applies only to jobs (POST /v1/songs, or Prefer: respond-async)");
        }

        if (command.IsStreamed)
        {
            return (await streamer.StreamAsync(http, command, form)).Result is ProblemHttpResult fault ? fault : TypedResults.Empty;
        }

        return (await SingAsync(http, command, form)).Result switch
        {
            Ok<PredictResponse> song => song,
            FileContentHttpResult file => file,
            var refusal => (ProblemHttpResult)refusal,
        };
    }

    /// <summary>Makes a song while the caller waits.</summary>
    /// <param name="http">The request; the song is cancelled if the caller disconnects.</param>
    /// <param name="command">The song to make, in a format that is available.</param>
    /// <param name="form">JSON or the file itself.</param>
    public async Task<Results<Ok<PredictResponse>, FileContentHttpResult, ProblemHttpResult>> SingAsync(
        HttpContext http, PredictCommand command, ResponseForm form)
    {
        var format = form.Format ?? command.Format ?? AudioFormat.Wav;
        var (outcome, job) = await intake.TakeAsync(
            command.ToJob(format: null), http.RequestAborted, owner: http.User.Identity?.Name);
        if (Problems.Refusal(http, outcome, engine.Status, estimate) is { } refusal)
        {
            return refusal;
        }

        var result = await job!.Song;
        var output = command.Song.Output with { Stems = command.Song.Output.Stems && !form.IsFile };
        var encoded = await EncodedSong.EncodeAsync(encoder, result, format, output, job.Request.Tags, http.RequestAborted);
        LogSong(result.Mix.DurationSeconds, result.Timings.TotalSeconds, result.Model);
        var response = ResponseOf(http, command, result, encoded, format);
        if (!form.IsFile)
        {
            return TypedResults.Ok(response);
        }

        var file = response with { Warnings = [.. response.Warnings, .. FileWarnings(command, form)] };
        SongHeaders.Write(http.Response.Headers, file);
        return TypedResults.Bytes(encoded.Mix, format.MediaType(), $"song.{format.Name()}");
    }

    private static ProblemHttpResult RefuseFile(HttpContext http)
    {
        var (name, findings) = (SongFields.Stage.Path, new RequestFindings());
        findings.Error(name, $"{name} is \"score\", which makes no sound; accept application/json, and leave stream out.");
        return Problems.Invalid(http, findings.Errors);
    }

    private static PredictResponse ResponseOf(
        HttpContext http, PredictCommand command, SongResult result, EncodedSong encoded, AudioFormat format) => new()
        {
            AudioBase64 = encoded.Mix,
            Format = format.Name(),
            Lyrics = command.Song.Lyrics,
            Genre = command.Song.Genre,
            Metadata = new(command.ClientJobId, TraceIds.TraceId(http), TraceIds.SpanId()),
            SampleRate = result.Mix.SampleRateHz,
            Channels = result.Mix.Channels,
            DurationSeconds = result.Mix.DurationSeconds,
            Seed = result.Seed,
            Model = result.Model,
            Stage = result.Scope,
            Score = result.Score,
            Timings = TimingsBody.From(result.Timings),
            Sections = SectionBody.ListOf(result.Sections),
            Warnings = [.. command.Warnings, .. IdempotencyKey.WarningsIfIgnored(http.Request), .. result.Warnings, .. encoded.Warnings],
            Reference = ReferenceBody.From(result.Reference),
            Loudness = LoudnessBody.From(encoded.Loudness),
            Stems = encoded is { Vocal: { } vocal, Instrumental: { } instrumental }
                ? new(Stem(vocal, result.Vocal!, format), Stem(instrumental, result.Instrumental!, format))
                : null,
            Codes = command.ReturnCodes ? result.Codes : null,
        };

    private static StemBody Stem(byte[] file, AudioClip clip, AudioFormat format) =>
        new(file, format.Name(), clip.SampleRateHz, clip.DurationSeconds);

    private static IEnumerable<string> FileWarnings(PredictCommand command, ResponseForm form)
    {
        if (command.Song.Output.Stems)
        {
            yield return "output.stems was ignored: an audio response has only the mix; accept application/json for the stems";
        }

        if (command.ReturnCodes)
        {
            yield return "return_codes was ignored: an audio response cannot contain codes; accept application/json for them";
        }

        if (form.Format is { } accepted && command.Format is { } asked && accepted != asked)
        {
            yield return $"output.format {asked.Name()} was ignored: Accept names {accepted.MediaType()}";
        }
    }

    [LoggerMessage(LogLevel.Information, "Song of {DurationSeconds:F1} s made in {TotalSeconds:F1} s by {Model}")]
    private partial void LogSong(double durationSeconds, double totalSeconds, string model);
}
