using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Xunit;

namespace YueService.Tests.Fakes;

/// <summary>Sends raw bytes that no HTTP client would send, and reads the response until the server closes the connection.</summary>
internal static class RawHttp
{
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(60);

    /// <summary>Sends a request as Latin-1 text.</summary>
    public static Task<RawResponse> SendRawAsync(this Uri server, string request) => server.SendRawAsync(Encoding.Latin1.GetBytes(request));

    /// <summary>Sends a request as bytes.</summary>
    public static async Task<RawResponse> SendRawAsync(this Uri server, byte[] request)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        timeout.CancelAfter(MaxWait);
        using var client = new TcpClient();
        await client.ConnectAsync(server.Host, server.Port, timeout.Token);
        await using var stream = await OpenAsync(client, server, timeout.Token);
        using var response = new MemoryStream();
        try
        {
            await stream.WriteAsync(request, timeout.Token);
            await stream.CopyToAsync(response, timeout.Token);
        }
        catch (IOException)
        {
            // The server closed the connection before it had read all the bytes. The response that it sent is used.
        }

        return new RawResponse(Encoding.Latin1.GetString(response.ToArray()));
    }

    /// <summary>Opens a connection to an HTTP or HTTPS server and returns its unencrypted stream.</summary>
    private static async Task<Stream> OpenAsync(TcpClient client, Uri server, CancellationToken cancel)
    {
        if (server.Scheme != Uri.UriSchemeHttps)
        {
            return client.GetStream();
        }

        var stream = new SslStream(client.GetStream());
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = server.Host,
            RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.Subject == "CN=localhost",
        };
        await stream.AuthenticateAsClientAsync(options, cancel);
        return stream;
    }
}

/// <summary>The text of a response; empty if the connection was closed without one.</summary>
internal sealed record RawResponse(string Text)
{
    /// <summary>The status of the first response on the connection; 0 if there is none.</summary>
    public int Status =>
        Text.StartsWith("HTTP/1.", StringComparison.Ordinal)
            ? int.Parse(Text.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture)
            : 0;

    /// <summary>The lines before the body.</summary>
    public string Head => Text.Split("\r\n\r\n")[0];

    /// <summary>Checks the form of the problem in the body and returns it.</summary>
    public JsonElement Problem()
    {
        Assert.Contains("Content-Type: application/problem+json", Head, StringComparison.Ordinal);
        var body = Text[(Head.Length + 4)..];

        // The body may begin with a chunk size, and another response may follow it.
        var json = new Utf8JsonReader(Encoding.Latin1.GetBytes(body[body.IndexOf('{', StringComparison.Ordinal)..]));
        using var problem = JsonDocument.ParseValue(ref json);
        Assert.Equal(Status, problem.RootElement.GetProperty("status").GetInt32());
        Assert.StartsWith("urn:yue:", problem.RootElement.GetProperty("type").GetString(), StringComparison.Ordinal);
        Assert.NotEmpty(problem.RootElement.GetProperty("title").GetString()!);
        Assert.NotEmpty(problem.RootElement.GetProperty("detail").GetString()!);
        Assert.Matches("^[0-9a-f]{32}$", problem.RootElement.GetProperty("trace_id").GetString());
        return problem.RootElement.Clone();
    }
}
