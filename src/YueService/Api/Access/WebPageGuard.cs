using System.Net;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using YueService.Api.Errors;
using YueService.Api.Requests;
using YueService.Settings;

namespace YueService.Api.Access;

/// <summary>Blocks requests that web pages from other origins send: nearly all of them if the service has no API key, otherwise those that
/// would change something with a session cookie.</summary>
/// <remarks>
/// A browser sends requests on behalf of any page that it displays, even to addresses that only this machine can reach. A page from another
/// origin is detected by <c>Origin</c> and <c>Sec-Fetch-Site</c>, which pages cannot set. A page that makes its own name resolve to this
/// machine (DNS rebinding) is detected by the name in <c>Host</c>. If a key is set, these two checks are not needed, because pages do not
/// know the key. However, the user may be signed in, and browsers send the session cookie automatically, so requests that change something
/// with it need an <c>Origin</c> of this service. Health checks are exempt because probes can use any name. The files of the studio's score
/// frame are exempt from the origin check: the frame is sandboxed and has no origin, so its requests look foreign.
/// </remarks>
internal sealed class WebPageGuard(RequestDelegate next, IOptions<AccessOptions> options)
{
    private static readonly PathString[] FrameFiles = ["/js/score-frame.js", "/vendor"];

    private readonly bool _hasKey = options.Value.Keys().Count > 0;
    private readonly List<StringSegment> _hosts = [.. options.Value.Hosts(), "localhost", "*.localhost"];
    private readonly HashSet<string> _origins = [.. options.Value.Origins()];

    public Task InvokeAsync(HttpContext http)
    {
        var request = http.Request;
        if (request.Path.StartsWithSegments("/health"))
        {
            return next(http);
        }

        if (_hasKey)
        {
            return IsForeignChange(request)
                ? Problems.Create(
                    http,
                    ProblemType.ForeignOrigin,
                    "Changes with a session cookie need the Origin of this service; send the API key as Authorization: Bearer KEY instead.")
                    .ExecuteAsync(http)
                : next(http);
        }

        if (!IsKnownHost(request.Host.Host))
        {
            return Problems.Create(
                http,
                ProblemType.UnknownHost,
                $"The host name is {JsonText.Cut(request.Host.Host)}; add it to the setting Yue:AllowedHosts, "
                + "or use an IP address or localhost.").ExecuteAsync(http);
        }

        if (ForeignSource(request) is { } source && !IsNavigation(request) && !IsFrameFile(request))
        {
            return Problems.Create(
                http,
                ProblemType.ForeignOrigin,
                $"The request was sent by a web page from another origin ({source}); "
                + "add the origin to the setting Yue:CorsOrigins.").ExecuteAsync(http);
        }

        return next(http);
    }

    /// <summary>Returns whether a request would use a session cookie to change something without an <c>Origin</c> of this
    /// service.</summary>
    private static bool IsForeignChange(HttpRequest request) =>
        !HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method) && !HttpMethods.IsOptions(request.Method)
        && request.Headers.Authorization.Count == 0 && request.Cookies.ContainsKey(SessionEndpoints.Cookie)
        && !IsOwn(request.Headers.Origin.ToString(), request.Host);

    /// <summary>Returns whether a host is a loopback name, a configured name or an IP address. HTTP/1.0 requests may have no host, which is
    /// also accepted.</summary>
    private bool IsKnownHost(string host) =>
        host.Length == 0 || IPAddress.TryParse(host, out _) || HostString.MatchesAny(host.EndsWith('.') ? host[..^1] : host, _hosts);

    /// <summary>Returns the header that shows that a request was sent by a page from another origin; null if none does, or if that origin
    /// is allowed.</summary>
    private string? ForeignSource(HttpRequest request)
    {
        var origin = request.Headers.Origin;
        var site = request.Headers["Sec-Fetch-Site"];
        if (origin.Count > 0 && _origins.Contains(origin.ToString()))
        {
            return null;
        }

        if (origin.Count > 0 && !IsOwn(origin.ToString(), request.Host))
        {
            return $"Origin: {JsonText.Cut(origin.ToString())}";
        }

        return site.Count == 0 || site.ToString() is "same-origin" or "none" ? null : $"Sec-Fetch-Site: {JsonText.Cut(site.ToString())}";
    }

    /// <summary>Returns whether an origin has the same host as the request; the scheme may differ, because a proxy may terminate
    /// TLS.</summary>
    private static bool IsOwn(string origin, HostString host) =>
        origin.IndexOf("://", StringComparison.Ordinal) is > 0 and var end
        && origin[(end + 3)..].Equals(host.Value, StringComparison.OrdinalIgnoreCase);

    /// <summary>Returns whether a request is for a page that a user opens in a window rather than in a frame of another page.</summary>
    private static bool IsNavigation(HttpRequest request) =>
        HttpMethods.IsGet(request.Method) && request.Headers["Sec-Fetch-Mode"] == "navigate"
        && request.Headers["Sec-Fetch-Dest"] is var target && (target.Count == 0 || target == "document");

    /// <summary>Returns whether a request is for a file that the studio's sandboxed frame loads. Such files contain no secrets.</summary>
    private static bool IsFrameFile(HttpRequest request) =>
        HttpMethods.IsGet(request.Method) && Array.Exists(FrameFiles, file => request.Path.StartsWithSegments(file));
}
