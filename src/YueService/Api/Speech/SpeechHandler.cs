using Yue.Engine.Scheduling;
using YueService.Api.Errors;
using YueService.Api.Predict;
using YueService.Api.Requests;
using YueService.Api.Songs;
using YueService.Jobs.Audio;

namespace YueService.Api.Speech;

/// <summary><c>/v1/audio/speech</c>, for OpenAI-style clients.</summary>
internal sealed class SpeechHandler(
    ISongEngine engine,
    ISongEncoder encoder,
    SongChecks checks,
    PredictHandler predict,
    PredictStreamer streamer,
    BodyReader bodies)
{
    /// <summary>Makes a song and returns its file.</summary>
    public async Task<IResult> SpeakAsync(HttpContext http)
    {
        var (body, unreadable) = await bodies.ReadJsonAsync(http);
        if (body is null)
        {
            return unreadable!;
        }

        SpeechCommand? command;
        RequestFindings findings;
        using (body)
        {
            command = SpeechReader.Read(
                body.Json, Preferences.IsStrict(http.Request), engine.Status.KnownModels, out findings);
        }

        if (command is null)
        {
            return Problems.Invalid(http, findings.Errors);
        }

        if (checks.Refuse(http, command.Song.Song, SpeechFields.Input) is { } unsingable)
        {
            return unsingable;
        }

        if (command.WholeFile is not { } format)
        {
            var form = command.Stream == SpeechStream.Events ? SoundForm.SpeechEvents : SoundForm.Of(command.Format);
            return (await streamer.StreamAsync(http, command.Song, command.Format, form)).Result;
        }

        return encoder.Supports(format)
            ? (await predict.SingAsync(http, command.Song, new ResponseForm(IsFile: true, format))).Result
            : Problems.FormatUnavailable(http, format.Name(), SpeechFields.ResponseFormat.Path);
    }
}
