using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;
using YueService.Errors;
using YueService.Settings;

namespace YueService.Access;

/// <summary>Who may ask for what, how often, and how long it may take.</summary>
internal static class AccessExtensions
{
    // The name of the policies of requests that make a song: how many, and how long a caller may wait.
    private const string Songs = "songs";

    public static void AddAccess(this IServiceCollection services)
    {
        services.AddRateLimiter(limiter => limiter.OnRejected = RejectAsync);
        services.AddOptions<RateLimiterOptions>().Configure<IOptions<AccessOptions>>(
            (limiter, access) => limiter.AddPolicy(Songs, http => PartitionOf(http, access.Value)));
        services.AddRequestTimeouts();
        services.AddOptions<RequestTimeoutOptions>().Configure<IOptions<AccessOptions>>((timeouts, access) =>
        {
            timeouts.DefaultPolicy = Policy(access.Value.RequestTimeoutSeconds);
            timeouts.AddPolicy(Songs, Policy(access.Value.SongTimeoutSeconds));
        });
    }

    /// <summary>Comes after the problem details, before the endpoints.</summary>
    public static void UseAccess(this IApplicationBuilder app)
    {
        app.UseMiddleware<ApiKeyMiddleware>();
        if (app.ApplicationServices.GetRequiredService<IOptions<AccessOptions>>().Value.RateLimitPerMinute > 0)
        {
            // Only then: it wakes up ten times a second.
            app.UseRateLimiter();
        }

        app.UseRequestTimeouts();
    }

    /// <summary>Marks an endpoint that makes a song: it counts for the rate limit.</summary>
    public static TBuilder MakesSongs<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder => endpoint.RequireRateLimiting(Songs);

    /// <summary>Marks an endpoint whose caller waits for the song.</summary>
    public static TBuilder WaitsForSong<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder => (TBuilder)endpoint.MakesSongs().WithRequestTimeout(Songs);

    private static RequestTimeoutPolicy Policy(int seconds) => new()
    {
        Timeout = seconds == 0 ? null : TimeSpan.FromSeconds(seconds),
        TimeoutStatusCode = StatusCodes.Status504GatewayTimeout,
        WriteTimeoutResponse = http =>
            Problems.Create(http, ProblemType.Timeout, $"The answer was not there after {seconds} seconds. Ask for a job instead: POST /v1/songs.").ExecuteAsync(http),
    };

    /// <summary>One limit a key, of which only known ones come this far, or an address where there are no keys.</summary>
    private static RateLimitPartition<string> PartitionOf(HttpContext http, AccessOptions access) => RateLimitPartition.GetFixedWindowLimiter(
        (access.Keys().Count > 0 ? ApiKeyMiddleware.KeyOf(http.Request) : http.Connection.RemoteIpAddress?.ToString()) ?? "",
        _ => new FixedWindowRateLimiterOptions { PermitLimit = access.RateLimitPerMinute, Window = TimeSpan.FromMinutes(1) });

    private static async ValueTask RejectAsync(OnRejectedContext context, CancellationToken cancel)
    {
        var http = context.HttpContext;
        var wait = context.Lease.TryGetMetadata(MetadataName.RetryAfter, out var retryAfter) ? retryAfter : TimeSpan.FromMinutes(1);
        var seconds = Problems.SetRetryAfter(http, wait.TotalSeconds);
        await Problems.Create(
            http, ProblemType.RateLimited, $"The limit of songs a minute is reached. Try again in {seconds} seconds.").ExecuteAsync(http);
    }
}
