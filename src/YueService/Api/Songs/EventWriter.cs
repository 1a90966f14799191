using System.Text;
using Microsoft.AspNetCore.Http.Features;

namespace YueService.Api.Songs;

/// <summary>Writes server-sent events.</summary>
/// <param name="http">The request that is answered.</param>
/// <param name="heartbeat">The longest time without a sign of life.</param>
internal sealed class EventWriter(HttpContext http, TimeSpan heartbeat)
{
    /// <summary>The shortest time between two looks for news.</summary>
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(200);

    /// <summary>Sends the headers.</summary>
    public Task StartAsync(CancellationToken cancel)
    {
        http.Response.ContentType = "text/event-stream";
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers["X-Accel-Buffering"] = "no";
        http.Features.Get<IHttpResponseBodyFeature>()!.DisableBuffering();
        return http.Response.StartAsync(cancel);
    }

    /// <summary>Sends an event.</summary>
    /// <param name="id">What a reader comes back with.</param>
    /// <param name="name">The event's name.</param>
    /// <param name="data">One line.</param>
    /// <param name="cancel">Cancelled when the reader leaves.</param>
    public async Task WriteAsync(string id, string name, string data, CancellationToken cancel)
    {
        await http.Response.Body.WriteAsync(Encoding.UTF8.GetBytes($"id: {id}\nevent: {name}\ndata: {data}\n\n"), cancel);
        await http.Response.Body.FlushAsync(cancel);
    }

    /// <summary>Lets news gather for a moment, so that a reader gets a few events per second at most.</summary>
    public static Task RestAsync(CancellationToken cancel) => Task.Delay(Pace, cancel);

    /// <summary>Waits for a change, with a comment now and then, so that proxies keep the connection and a dead one is noticed.</summary>
    public async Task WaitAsync(Task changed, CancellationToken cancel)
    {
        while (true)
        {
            try
            {
                await changed.WaitAsync(heartbeat, cancel);
                return;
            }
            catch (TimeoutException)
            {
                await http.Response.WriteAsync(": waiting\n\n", cancel);
                await http.Response.Body.FlushAsync(cancel);
            }
        }
    }
}
