using Microsoft.AspNetCore.Http.HttpResults;
using Yue.Engine.Audio;
using Yue.Engine.Families.Yue1;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using YueService.Api.Errors;
using YueService.Api.Requests;
using YueService.Jobs.Audio;

namespace YueService.Api.Songs;

/// <summary>Checks whether a request with valid fields is certain to fail, before a song is queued.</summary>
internal sealed class SongChecks(ISongEngine engine, ISongEncoder encoder)
{
    /// <summary>Returns the problem that makes a song certain to fail; null if there is none.</summary>
    /// <param name="http">The request.</param>
    /// <param name="song">The song with valid fields.</param>
    /// <param name="lyrics">The field with the lyrics.</param>
    public ProblemHttpResult? Refuse(HttpContext http, SongRequest song, RequestField lyrics)
    {
        // The demo model's check does not need loaded models.
        if (engine.Status.IsDemo && LatinScript.FaultOf(SongPlan.For(song).Lyrics) is { } mute)
        {
            return Problems.Unsingable(http, lyrics.Path, mute);
        }

        return engine.Measure(song)?.Fault is { } fault
            ? Problems.Unsingable(http, fault.Field == SongFields.Lyrics.Path ? lyrics.Path : fault.Field, fault.Message)
            : null;
    }

    /// <summary>Returns the problem that makes a song certain to fail or impossible to encode; null if there is none.</summary>
    /// <param name="http">The request.</param>
    /// <param name="song">The song with valid fields.</param>
    /// <param name="format">The format.</param>
    /// <param name="field">The field that names the format; null if the Accept header does.</param>
    public ProblemHttpResult? Refuse(HttpContext http, SongRequest song, AudioFormat format, RequestField? field) =>
        Refuse(http, song, SongFields.Lyrics)
            ?? (encoder.Supports(format) ? null : Problems.FormatUnavailable(http, format.Name(), field?.Path));
}
