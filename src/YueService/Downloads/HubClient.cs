using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Http.Resilience;
using Polly;
using Polly.Timeout;

namespace YueService.Downloads;

/// <summary>A file on the hub.</summary>
internal sealed record HubFile(string Repository, string Revision, string Path)
{
    public override string ToString() => $"{Repository}/{Path}";
}

/// <summary>A response with an unread body, and the information from the hub's own response before it redirected.</summary>
/// <param name="Message">The response, with status 200 or 206; the caller disposes it.</param>
/// <param name="Sha256">The content's hash; null if the hub does not state it.</param>
/// <param name="Size">The content's size; null if the hub does not state it.</param>
internal sealed record HubResponse(HttpResponseMessage Message, string? Sha256, long? Size) : IDisposable
{
    public void Dispose() => Message.Dispose();
}

/// <summary>Requests files from a hub or a mirror of one.</summary>
/// <remarks>Requests that get no response, or a response from a busy server, are retried. Redirects are followed here so that the token
/// is sent only to the base address. The storage that a hub redirects to needs no token, because its addresses are signed.
/// Thread-safe.</remarks>
internal sealed partial class HubClient : IDisposable
{
    private const int MaxRedirects = 5;
    private static readonly HttpRequestOptionsKey<Action<string, TimeSpan>> Waiting = new("yue.waiting");

    private readonly HttpClient _http;
    private readonly Uri _base;
    private readonly string? _token;
    private readonly int _attempts;

    /// <param name="baseAddress">The address of the hub or the mirror.</param>
    /// <param name="token">Sent only to the base address, and only if that address uses https or is on this machine; null for none.</param>
    /// <param name="settings">The attempts, the waits between them, and the timeout for the headers of a response.</param>
    public HubClient(Uri baseAddress, string? token, DownloadSettings settings)
    {
        _base = new Uri(baseAddress.AbsoluteUri.TrimEnd('/') + "/");
        _token = token is { Length: > 0 } && IsSafeForToken(_base) ? token : null;
        _attempts = settings.Attempts;
        var sockets = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        };

        // The client's own timeout would apply to all attempts together.
        _http = new HttpClient(new ResilienceHandler(Retries(settings)) { InnerHandler = sockets }) { Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("yue", Telemetry.ServiceIdentity.Version));
    }

    /// <summary>Returns whether it is safe to send a token to an address: it uses https, or is on this machine.</summary>
    public static bool IsSafeForToken(Uri address) => address.Scheme == Uri.UriSchemeHttps || address.IsLoopback;

    /// <summary>Requests a file or a part of it.</summary>
    /// <param name="file">The file.</param>
    /// <param name="from">The first byte.</param>
    /// <param name="to">The last byte; null for all that follow.</param>
    /// <param name="ifRange">A strong validator: if the file has changed, the whole file is returned. Null for none.</param>
    /// <param name="waiting">Receives the reason and the length of each wait before another attempt.</param>
    /// <param name="cancel">Cancels the request and its retries.</param>
    /// <exception cref="DownloadException">There is no usable response.</exception>
    public async Task<HubResponse> GetAsync(
        HubFile file, long from, long? to, EntityTagHeaderValue? ifRange, Action<string, TimeSpan> waiting, CancellationToken cancel)
    {
        var address = new Uri(_base, $"{file.Repository}/resolve/{file.Revision}/{file.Path}");
        string? sha256 = null;
        long? size = null;
        for (var hops = 0; hops <= MaxRedirects; hops++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            request.Headers.Range = new RangeHeaderValue(from, to);
            request.Headers.IfRange = ifRange is null ? null : new RangeConditionHeaderValue(ifRange);
            request.Options.Set(Waiting, (reason, delay) => waiting($"{file}: {reason}", delay));
            var response = await SendAsync(file, request, cancel);
            sha256 ??= LinkedSha256(response);
            size ??= LinkedSize(response);
            if (response.StatusCode is HttpStatusCode.OK or HttpStatusCode.PartialContent)
            {
                return new(response, sha256, size);
            }

            using (response)
            {
                address = (int)response.StatusCode is 301 or 302 or 303 or 307 or 308 && response.Headers.Location is { } location
                    ? Next(file, address, location)
                    : throw Refusal(file, address, response);
            }
        }

        throw new DownloadException($"{file}: more than {MaxRedirects} redirects", DownloadRemedy.None);
    }

    public void Dispose() => _http.Dispose();

    /// <summary>Returns a pipeline that retries a request that failed, timed out, or reached a busy server. If the connection breaks while
    /// the body is being read, the caller resumes.</summary>
    private static ResiliencePipeline<HttpResponseMessage> Retries(DownloadSettings settings) =>
        new ResiliencePipelineBuilder<HttpResponseMessage>()
            .AddRetry(new HttpRetryStrategyOptions
            {
                MaxRetryAttempts = settings.Attempts - 1,

                // The library's own generator waits as long as the server requests, without a limit.
                DelayGenerator = arguments => ValueTask.FromResult<TimeSpan?>(
                    settings.DelayAfter(arguments.AttemptNumber + 1, arguments.Outcome.Result is { } busy ? RetryAfter(busy) : null)),
                OnRetry = arguments =>
                {
                    var request = arguments.Context.GetRequestMessage()!;
                    if (request.Options.TryGetValue(Waiting, out var waiting))
                    {
                        waiting(Reason(request.RequestUri!, arguments.Outcome), arguments.RetryDelay);
                    }

                    return ValueTask.CompletedTask;
                },
            })
            .AddTimeout(settings.StallTimeout)
            .Build();

    private async Task<HttpResponseMessage> SendAsync(HubFile file, HttpRequestMessage request, CancellationToken cancel)
    {
        var address = request.RequestUri!;
        if (_token is not null && IsSameOrigin(address, _base))
        {
            request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {_token}");
        }

        try
        {
            return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel);
        }
        catch (Exception e) when (e is HttpRequestException or TimeoutRejectedException)
        {
            var reason = Reason(address, Outcome.FromException<HttpResponseMessage>(e));
            throw new DownloadException($"{file}: {reason}{GivenUp()}", DownloadRemedy.None, e);
        }
    }

    private static string Reason(Uri address, Outcome<HttpResponseMessage> outcome) => outcome switch
    {
        { Result: { } response } => $"{Name(address)} responds with {(int)response.StatusCode}",
        { Exception: TimeoutRejectedException } => $"{Name(address)} does not respond",
        _ => $"{Name(address)} cannot be reached: {outcome.Exception!.Message}",
    };

    private string GivenUp() => $" (tried {_attempts} times). Run the same command again to continue from here.";

    private static Uri Next(HubFile file, Uri from, Uri location)
    {
        var next = new Uri(from, location);
        var allowed = next.Scheme == Uri.UriSchemeHttps
            || (next.Scheme == Uri.UriSchemeHttp && (from.Scheme == Uri.UriSchemeHttp || next.IsLoopback));
        return allowed
            ? next
            : throw new DownloadException($"{file}: {Name(from)} redirects to an address that is not https", DownloadRemedy.None);
    }

    private DownloadException Refusal(HubFile file, Uri address, HttpResponseMessage response)
    {
        var status = (int)response.StatusCode;
        var reason = $"{file}: {Reason(address, Outcome.FromResult(response))}";
        var message = status switch
        {
            401 or 403 when _token is null => $"{reason}: it requires a token; set HF_TOKEN to one that can read {file.Repository}",
            401 or 403 => $"{reason}: the token in HF_TOKEN cannot read {file.Repository}",
            404 => $"{reason}: there is no such file at revision {file.Revision}",
            408 or 429 or >= 500 => reason + GivenUp(),
            _ => reason,
        };
        return new(message, status == 416 ? DownloadRemedy.Restart : DownloadRemedy.None);
    }

    private static TimeSpan? RetryAfter(HttpResponseMessage response) => response.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date - DateTimeOffset.UtcNow,
        _ => null,
    };

    /// <summary>Returns the SHA-256 with which the hub tags large files, in its own response or in the redirect.</summary>
    private static string? LinkedSha256(HttpResponseMessage response) =>
        response.Headers.TryGetValues("X-Linked-ETag", out var values) && Sha256Tag().Match(values.First()) is { Success: true } tag
            ? tag.Groups[1].Value
            : null;

    private static long? LinkedSize(HttpResponseMessage response) =>
        response.Headers.TryGetValues("X-Linked-Size", out var values)
        && long.TryParse(values.First(), NumberStyles.None, CultureInfo.InvariantCulture, out var size)
            ? size
            : null;

    private static bool IsSameOrigin(Uri a, Uri b) =>
        Uri.Compare(
            a, b, UriComponents.SchemeAndServer | UriComponents.StrongPort, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) == 0;

    /// <summary>Returns only the host and the port, because the path and query of a redirect may grant access to the file.</summary>
    private static string Name(Uri address) => address.Authority;

    [GeneratedRegex("^\"?([0-9a-f]{64})\"?\\z")]
    private static partial Regex Sha256Tag();
}
