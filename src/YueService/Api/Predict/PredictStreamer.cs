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

/// <summary><c>POST /predict</c> with <c>stream</c>, and <c>POST /v1/audio/speech</c>: the sound of a song while it is being made, as one
/// response.</summary>
internal sealed partial class PredictStreamer(
    ISongEngine engine, JobIntake intake, JobEstimate estimate, IStreamEncoder encoder, ILogger<PredictStreamer> logger)
{
    /// <summary>Makes a song and streams its sound, in the format that the caller accepts.</summary>
    /// <exception cref="SongException">The song could not be made, and no sound was sent.</exception>
    public async Task<Results<EmptyHttpResult, ProblemHttpResult>> StreamAsync(
        HttpContext http, PredictCommand command, ResponseForm form) =>
        FormatOf(command, form) is { } format
            ? await StreamAsync(http, command, format, SoundForm.Of(format))
            : RefuseForm(http);

    /// <summary>Makes a song and streams its sound. The response starts with the first sound.</summary>
    /// <exception cref="SongException">The song could not be made, and no sound was sent.</exception>
    public async Task<Results<EmptyHttpResult, ProblemHttpResult>> StreamAsync(
        HttpContext http, PredictCommand command, StreamFormat format, SoundForm form)
    {
        if (!encoder.Supports(format))
        {
            return Problems.FormatUnavailable(http, format.Name(), field: null);
        }

        var request = Ignored(command).Aggregate(command, (known, warning) => known.WithWarning(warning)).ToJob(format: null);
        var (outcome, job) = await intake.TakeAsync(
            request, http.RequestAborted, isStreamed: true, owner: http.User.Identity?.Name);
        if (Problems.Refusal(http, outcome, engine.Status, estimate) is { } refusal)
        {
            return refusal;
        }

        var model = request.Song.Model ?? engine.Status.SongModels.Select(known => known.Name).FirstOrDefault("");
        SongHeaders.WriteEarly(http.Response.Headers, request, model, TraceIds.TraceId(http));
        return await SendAsync(http, job!, format, form);
    }

    private async Task<Results<EmptyHttpResult, ProblemHttpResult>> SendAsync(
        HttpContext http, Job job, StreamFormat format, SoundForm form)
    {
        try
        {
            await SoundResponse.SendAsync(http, job.Sound!, SongFolder.Mix, format, form, http.RequestAborted);
            if (form.End is { } end)
            {
                await SoundResponse.WriteAsync(http, end(await job.Song), http.RequestAborted);
            }

            return TypedResults.Empty;
        }
        catch (SongException e) when (http.Response.HasStarted)
        {
            // A partial song must not look like the whole song.
            LogBroken(e.Message);
            http.Abort();
            return TypedResults.Empty;
        }
        catch (SongException)
        {
            // The task throws the error that made the song fail.
            await job.Song;
            throw;
        }
    }

    private static StreamFormat? FormatOf(PredictCommand command, ResponseForm form) =>
        !form.IsFile ? null : (form.Format ?? command.Format ?? AudioFormat.Wav) switch
        {
            AudioFormat.Wav => StreamFormat.Wav,
            AudioFormat.Mp3 => StreamFormat.Mp3,
            _ => null,
        };

    private static ProblemHttpResult RefuseForm(HttpContext http)
    {
        var findings = new RequestFindings();
        findings.Error(
            SongFields.Stream.Path,
            "stream is true, but Accept names no format that can be streamed; send Accept: audio/wav or audio/mpeg, or leave stream out.");
        return Problems.Invalid(http, findings.Errors);
    }

    private static IEnumerable<string> Ignored(PredictCommand command)
    {
        if (command.Song.Output.LoudnessLufs is not null)
        {
            yield return "output.loudness_lufs was ignored: loudness is measured over the whole song, and a stream begins "
                + "before the song is finished";
        }

        if (command.Song.Output.Stems)
        {
            yield return "output.stems was ignored: a stream has only the mix";
        }

        if (command.ReturnCodes)
        {
            yield return "return_codes was ignored: a stream cannot contain codes";
        }
    }

    [LoggerMessage(LogLevel.Error, "A song failed after its first sound was sent: {Reason}")]
    private partial void LogBroken(string reason);
}
