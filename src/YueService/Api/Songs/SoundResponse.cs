using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Yue.Engine.Audio;
using YueService.Jobs;

namespace YueService.Api.Songs;

/// <summary>Sends the sound of a song as a response body, one chunk at a time.</summary>
internal static class SoundResponse
{
    /// <summary>Sends a whole track. The response starts when the first sound is available.</summary>
    /// <exception cref="Yue.Engine.Songs.SongException">The song ended before its sound was complete.</exception>
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

    /// <summary>Sends a piece of sound. The first one starts the response.</summary>
    public static Task SendAsync(HttpContext http, byte[] chunk, PcmFormat format, SoundForm form, CancellationToken cancel)
    {
        if (!http.Response.HasStarted)
        {
            Begin(http, form, format);
        }

        return WriteAsync(http, form.Chunk(chunk), cancel);
    }

    /// <summary>Sends bytes immediately.</summary>
    public static async Task WriteAsync(HttpContext http, byte[] bytes, CancellationToken cancel)
    {
        await http.Response.Body.WriteAsync(bytes, cancel);
        await http.Response.Body.FlushAsync(cancel);
    }

    private static void Begin(HttpContext http, SoundForm form, PcmFormat format)
    {
        // The time limit applies only until the first sound; a caller may listen for any length of time.
        http.Features.Get<IHttpRequestTimeoutFeature>()?.DisableTimeout();
        http.Response.ContentType = form.MediaType;
        SongHeaders.WriteFormat(http.Response.Headers, format);
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers["X-Accel-Buffering"] = "no";
        http.Features.Get<IHttpResponseBodyFeature>()!.DisableBuffering();

        // A listener reads only as fast as it plays, and the song may be made even more slowly.
        if (http.Features.Get<IHttpMinResponseDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }
    }
}
