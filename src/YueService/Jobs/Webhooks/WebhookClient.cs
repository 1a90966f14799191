using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using YueService.Settings;

namespace YueService.Jobs.Webhooks;

/// <summary>Sends signed webhooks in the format of Standard Webhooks.</summary>
/// <remarks>A receiver's address is checked when the connection is made, so that a name cannot resolve to an address that was not checked.
/// Redirects are not followed, and neither proxies nor cookies are used. Only the status of a response is read.</remarks>
internal sealed class WebhookClient : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(15);

    private readonly bool _allowsPrivate;
    private readonly TimeProvider _clock;
    private readonly Lazy<byte[]?> _key;
    private readonly HttpClient _http;

    public WebhookClient(IOptions<WebhookOptions> options, TimeProvider clock)
    {
        _clock = clock;
        _allowsPrivate = options.Value.Webhooks.AllowPrivateAddresses;
        IsEnabled = options.Value.AreEnabled();
        _key = new(options.Value.Key);
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            ConnectTimeout = Limit,
            MaxResponseHeadersLength = 16,
            PooledConnectionLifetime = TimeSpan.FromSeconds(1),
            ConnectCallback = ConnectAsync,
        })
        {
            Timeout = Limit,
        };
        _http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("YueService", null));
    }

    /// <summary>True if a secret is configured.</summary>
    public bool IsEnabled { get; }

    /// <summary>Returns the reason why a receiver is rejected, as the end of a sentence about its URL; null if there is no known
    /// reason.</summary>
    /// <remarks>A name is resolved only when a webhook is sent.</remarks>
    public string? FaultOf(Uri receiver) =>
        !_allowsPrivate && IPAddress.TryParse(receiver.DnsSafeHost, out var address) && !PublicAddress.Is(address)
            ? "is not a public address; send a public one, or set Yue:Webhooks:AllowPrivateAddresses"
            : null;

    /// <summary>Sends a webhook.</summary>
    /// <param name="receiver">The receiver.</param>
    /// <param name="id">The id, which is the same for every attempt.</param>
    /// <param name="body">The JSON body.</param>
    /// <param name="cancel">Cancels sending.</param>
    /// <returns>The status of the response, or the reason why there is none.</returns>
    public async Task<(HttpStatusCode? Status, string? Fault)> SendAsync(Uri receiver, string id, byte[] body, CancellationToken cancel)
    {
        var timestamp = _clock.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        using var request = new HttpRequestMessage(HttpMethod.Post, receiver) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Add("webhook-id", id);
        request.Headers.Add("webhook-timestamp", timestamp);
        request.Headers.Add("webhook-signature", Sign(_key.Value!, id, timestamp, body));
        try
        {
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel);
            return (response.StatusCode, null);
        }
        catch (HttpRequestException e)
        {
            return (null, (e.InnerException as WebhookException ?? (Exception)e).Message);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return (null, $"there was no response within {Limit.TotalSeconds} s");
        }
    }

    /// <summary>Returns the signature of a webhook: the HMAC-SHA256 of its id, time and body.</summary>
    public static string Sign(byte[] key, string id, string timestamp, byte[] body)
    {
        byte[] signed = [.. Encoding.UTF8.GetBytes($"{id}.{timestamp}."), .. body];
        return $"v1,{Convert.ToBase64String(HMACSHA256.HashData(key, signed))}";
    }

    public void Dispose() => _http.Dispose();

    /// <summary>Connects to an allowed address of a receiver.</summary>
    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancel)
    {
        var addresses = await Dns.GetHostAddressesAsync(context.DnsEndPoint.Host, cancel);
        var allowed = addresses.Where(address => _allowsPrivate || PublicAddress.Is(address)).ToArray();
        if (allowed.Length == 0)
        {
            throw new WebhookException($"{context.DnsEndPoint.Host} has no public address");
        }

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(allowed, context.DnsEndPoint.Port, cancel);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private sealed class WebhookException(string message) : IOException(message);
}
