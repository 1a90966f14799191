using System.Net;
using System.Net.Sockets;
using System.Text;

namespace YueService.Tests.Models;

/// <summary>A server that sends the same response on every connection. The response need not be one that a real web server would
/// send.</summary>
internal sealed class RawServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _serving;

    /// <param name="head">The status line and the headers, one per line.</param>
    /// <param name="isEndless">True if the body is endless; otherwise it is one byte long.</param>
    public RawServer(string[] head, bool isEndless)
    {
        _listener.Start();
        Address = new Uri($"http://{_listener.LocalEndpoint}");
        _serving = ServeAsync(Encoding.ASCII.GetBytes(string.Join("\r\n", head) + "\r\n\r\n"), isEndless);
    }

    public Uri Address { get; }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _serving;
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task ServeAsync(byte[] head, bool isEndless)
    {
        var clients = new List<Task>();
        try
        {
            while (true)
            {
                clients.Add(RespondAsync(await _listener.AcceptTcpClientAsync(_stop.Token), head, isEndless));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(clients);
        }
    }

    private async Task RespondAsync(TcpClient client, byte[] head, bool isEndless)
    {
        using (client)
        {
            try
            {
                var stream = client.GetStream();
                await stream.ReadAtLeastAsync(new byte[4096], 16, throwOnEndOfStream: false, _stop.Token);
                await stream.WriteAsync(head, _stop.Token);
                var body = new byte[isEndless ? 64 << 10 : 1];
                do
                {
                    await stream.WriteAsync(body, _stop.Token);
                }
                while (isEndless);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                // The client has disconnected or the test has ended.
            }
        }
    }
}
