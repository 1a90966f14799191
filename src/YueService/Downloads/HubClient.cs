using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;

namespace YueService.Downloads;

/// <summary>A file on the hub.</summary>
internal sealed record HubFile(string Repository, string Revision, string Path)
{
    public override string ToString() => $"{Repository}/{Path}";
}

/// <summary>An answer with its body unread, and what the hub's own answer said before it redirected.</summary>
/// <param name="Response">200 or 206; the caller disposes it.</param>
/// <param name="Sha256">The content's hash, where the hub tells it.</param>
/// <param name="Size">The content's size, where the hub tells it.</param>
internal sealed record HubAnswer(HttpResponseMessage Response, string? Sha256, long? Size) : IDisposable
{
    public void Dispose() => Response.Dispose();
}

/// <summary>Asks a hub, or a mirror of one, for files.</summary>
/// <remarks>Redirects are followed here, so that the token goes to the base address only: the storage that a hub redirects to
/// has signed addresses. Safe for several requests at once.</remarks>
internal sealed partial class HubClient : IDisposable
{
    private const int MaxRedirects = 5;

    private readonly HttpClient _http;
    private readonly Uri _base;
    private readonly string? _token;

    /// <param name="baseAddress">The hub's or the mirror's.</param>
    /// <param name="token">Sent to the base address; null for none.</param>
    /// <param name="stallTimeout">How long an answer's headers may take.</param>
    public HubClient(Uri baseAddress, string? token, TimeSpan stallTimeout)
    {
        _base = new Uri(baseAddress.AbsoluteUri.TrimEnd('/') + "/");
        _token = token is { Length: > 0 } && MayCarryToken(_base) ? token : null;
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            ConnectTimeout = stallTimeout,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        })
        {
            Timeout = stallTimeout,
        };
        _http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("yue", Telemetry.ServiceIdentity.Version));
    }

    /// <summary>Whether a token would be safe on the way: encrypted, or inside this machine.</summary>
    public static bool MayCarryToken(Uri address) => address.Scheme == Uri.UriSchemeHttps || address.IsLoopback;

    /// <summary>Asks for a file or a part of it.</summary>
    /// <param name="file">Which one.</param>
    /// <param name="from">The first byte.</param>
    /// <param name="to">The last byte; null for all that follow.</param>
    /// <param name="ifRange">A strong validator: a file that has changed comes whole.</param>
    /// <param name="cancel">Gives up waiting.</param>
    /// <exception cref="DownloadException">There is no usable answer.</exception>
    public async Task<HubAnswer> GetAsync(HubFile file, long from, long? to, EntityTagHeaderValue? ifRange, CancellationToken cancel)
    {
        var address = new Uri(_base, $"{file.Repository}/resolve/{file.Revision}/{file.Path}");
        string? sha256 = null;
        long? size = null;
        for (var hops = 0; hops <= MaxRedirects; hops++)
        {
            var response = await SendAsync(file, address, from, to, ifRange, cancel);
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

    private async Task<HttpResponseMessage> SendAsync(
        HubFile file, Uri address, long from, long? to, EntityTagHeaderValue? ifRange, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        request.Headers.Range = new RangeHeaderValue(from, to);
        if (ifRange is not null)
        {
            request.Headers.IfRange = new RangeConditionHeaderValue(ifRange);
        }

        if (_token is not null && IsSameOrigin(address, _base))
        {
            request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {_token}");
        }

        try
        {
            return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel);
        }
        catch (HttpRequestException e)
        {
            throw new DownloadException($"{file}: {Name(address)} cannot be reached: {e.Message}", DownloadRemedy.Retry, e);
        }
        catch (TaskCanceledException e) when (!cancel.IsCancellationRequested)
        {
            throw new DownloadException($"{file}: {Name(address)} does not answer", DownloadRemedy.Retry, e);
        }
    }

    private static Uri Next(HubFile file, Uri from, Uri location)
    {
        var next = new Uri(from, location);
        var allowed = next.Scheme == Uri.UriSchemeHttps || (next.Scheme == Uri.UriSchemeHttp && (from.Scheme == Uri.UriSchemeHttp || next.IsLoopback));
        return allowed ? next : throw new DownloadException($"{file}: {Name(from)} redirects to an address that is not https", DownloadRemedy.None);
    }

    private DownloadException Refusal(HubFile file, Uri address, HttpResponseMessage response)
    {
        var status = (int)response.StatusCode;
        var said = $"{file}: {Name(address)} answers {status}";
        var (message, remedy) = status switch
        {
            401 or 403 when _token is null => ($"{said}: it asks for a token; set HF_TOKEN to one that may read {file.Repository}", DownloadRemedy.None),
            401 or 403 => ($"{said}: the token in HF_TOKEN may not read {file.Repository}", DownloadRemedy.None),
            404 => ($"{said}: there is no such file at revision {file.Revision}", DownloadRemedy.None),
            408 or 425 or 429 or >= 500 => (said, DownloadRemedy.Retry),
            416 => (said, DownloadRemedy.Restart),
            _ => (said, DownloadRemedy.None),
        };
        return new(message, remedy) { RetryAfter = RetryAfter(response) };
    }

    private static TimeSpan? RetryAfter(HttpResponseMessage response) => response.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date - DateTimeOffset.UtcNow,
        _ => null,
    };

    /// <summary>The hub tags large files with their SHA-256, in its own answer or in the one that redirects.</summary>
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
        Uri.Compare(a, b, UriComponents.SchemeAndServer | UriComponents.StrongPort, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) == 0;

    /// <summary>The host: a redirect's path and query may be a key to the file.</summary>
    private static string Name(Uri address) => address.Authority;

    [GeneratedRegex("^\"?([0-9a-f]{64})\"?\\z")]
    private static partial Regex Sha256Tag();
}
