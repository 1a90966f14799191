using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Net.Http.Headers;

namespace YueService.Tests.Models;

/// <summary>A request that a fake hub received.</summary>
internal sealed record HubRequest(string Path, string? Range, string? Authorization, long First, long Last);

/// <summary>A hub on the loopback interface: it serves files with ranges and tags, unless a test makes it fail.</summary>
internal sealed class FakeHub : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<HubRequest> _requests = new();
    private int _count;

    private FakeHub(WebApplication app) => _app = app;

    public Uri Address { get; private set; } = null!;

    /// <summary>The contents by request path.</summary>
    public ConcurrentDictionary<string, byte[]> Files { get; } = new(StringComparer.Ordinal);

    public IReadOnlyList<HubRequest> Requests => [.. _requests];

    /// <summary>A handler that is called first and returns true if it has responded. Its second argument is the number of the request,
    /// counted from 1.</summary>
    public Func<HttpContext, int, HubRequest, Task<bool>> Misbehave { get; set; } = (_, _, _) => Task.FromResult(false);

    /// <summary>True if ranges are supported.</summary>
    public bool SupportsRanges { get; set; } = true;

    public bool SendsTags { get; set; } = true;

    /// <summary>The numbers of bytes after which connections are closed. Each entry applies to one response body of more than one
    /// byte.</summary>
    public ConcurrentQueue<int> Cuts { get; } = new();

    public static async Task<FakeHub> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var hub = new FakeHub(app);
        app.Run(hub.RespondAsync);
        await app.StartAsync();
        hub.Address = new Uri(app.Urls.First());
        return hub;
    }

    public static string Sha256(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task RespondAsync(HttpContext http)
    {
        var path = http.Request.Path.Value!;
        var content = Files.GetValueOrDefault(path) ?? [];
        var (first, last) = Range(http, content);
        var request = new HubRequest(path, http.Request.Headers.Range, http.Request.Headers.Authorization, first, last);
        _requests.Enqueue(request);
        if (await Misbehave(http, Interlocked.Increment(ref _count), request))
        {
            return;
        }

        if (content.Length == 0)
        {
            http.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        var tag = $"\"{Sha256(content)}\"";
        if (SendsTags)
        {
            http.Response.Headers.ETag = tag;
        }

        if (SupportsRanges && http.Request.Headers.Range.Count > 0
            && (http.Request.Headers.IfRange.Count == 0 || http.Request.Headers.IfRange == tag))
        {
            http.Response.StatusCode = StatusCodes.Status206PartialContent;
            http.Response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes {first}-{last}/{content.Length}");
            await SendAsync(http, content.AsMemory((int)first, (int)(last - first + 1)));
        }
        else
        {
            await SendAsync(http, content);
        }
    }

    private async Task SendAsync(HttpContext http, ReadOnlyMemory<byte> body)
    {
        http.Response.ContentLength = body.Length;
        if (body.Length > 1 && Cuts.TryDequeue(out var cut) && cut < body.Length)
        {
            await http.Response.Body.WriteAsync(body[..cut]);
            await http.Response.Body.FlushAsync();

            // The body is shorter than announced, so the server closes the connection after the client has received this part.
            return;
        }

        await http.Response.Body.WriteAsync(body);
    }

    private static (long First, long Last) Range(HttpContext http, byte[] content) =>
        RangeHeaderValue.TryParse(http.Request.Headers.Range.ToString(), out var range)
            ? (range.Ranges.First().From!.Value, Math.Min(range.Ranges.First().To ?? long.MaxValue, content.Length - 1))
            : (0, content.Length - 1);
}
