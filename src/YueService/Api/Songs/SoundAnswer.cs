using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Yue.Engine.Audio;
using YueService.Jobs;

namespace YueService.Api.Songs;

/// <summary>Sends the sound of a song while it is made, as the body of an answer.</summary>
internal static class SoundAnswer
{
    /// <summary>Sends a track to its end. The answer starts with the first sound.</summary>
    /// <exception cref="Yue.Engine.Songs.SongException">The song ended before its last sound.</exception>
    public static async Task SendAsync(
        HttpContext http, JobSound sound, string track, StreamFormat format, SoundForm form, CancellationToken cancel)
    {
        using var listener = sound.Listen();
        await foreach (var chunk in sound.ReadAsync(track, format, cancel))
        {
            await SendAsync(http, chunk, sound.Format!.Value, form, cancel);
            sound.NotePlayback();
        }
    }

    /// <summary>Sends a piece of sound. The first one starts the answer.</summary>
    public static Task SendAsync(HttpContext http, byte[] chunk, PcmFormat format, SoundForm form, CancellationToken cancel)
    {
        if (!http.Response.HasStarted)
        {
            Begin(http, form, format);
        }

        return WriteAsync(http, form.Chunk(chunk), cancel);
    }

    /// <summary>Sends bytes at once.</summary>
    public static async Task WriteAsync(HttpContext http, byte[] bytes, CancellationToken cancel)
    {
        await http.Response.Body.WriteAsync(bytes, cancel);
        await http.Response.Body.FlushAsync(cancel);
    }

    private static void Begin(HttpContext http, SoundForm form, PcmFormat format)
    {
        // The time that a caller may wait is over; how long it listens is its own affair.
        http.Features.Get<IHttpRequestTimeoutFeature>()?.DisableTimeout();
        http.Response.ContentType = form.MediaType;
        SongHeaders.WriteFormat(http.Response.Headers, format);
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers["X-Accel-Buffering"] = "no";
        http.Features.Get<IHttpResponseBodyFeature>()!.DisableBuffering();

        // A listener reads as fast as it plays, and a song may be made more slowly than that.
        if (http.Features.Get<IHttpMinResponseDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }
    }
}
