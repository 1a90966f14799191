using System.Text;
using Microsoft.AspNetCore.Http.Features;

namespace YueService.Api.Songs;

/// <summary>Writes server-sent events.</summary>
/// <param name="http">The request.</param>
/// <param name="heartbeat">The longest time between two events or comments.</param>
internal sealed class EventWriter(HttpContext http, TimeSpan heartbeat)
{
    /// <summary>The minimum time between two checks for changes.</summary>
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
    /// <param name="id">The event id, which a reconnecting client sends.</param>
    /// <param name="name">The event's name.</param>
    /// <param name="data">The data, on one line.</param>
    /// <param name="cancel">Cancelled when the client disconnects or the service stops.</param>
    public async Task WriteAsync(string id, string name, string data, CancellationToken cancel)
    {
        await http.Response.Body.WriteAsync(Encoding.UTF8.GetBytes($"id: {id}\nevent: {name}\ndata: {data}\n\n"), cancel);
        await http.Response.Body.FlushAsync(cancel);
    }

    /// <summary>Waits briefly to collect changes, so that a client gets only a few events per second.</summary>
    public static Task PauseAsync(CancellationToken cancel) => Task.Delay(Pace, cancel);

    /// <summary>Waits for a change. Meanwhile it sends comments, so that proxies keep the connection open and a dead connection is
    /// noticed.</summary>
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
