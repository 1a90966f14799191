using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;
using YueService.Api.Errors;
using YueService.Jobs.Shared;
using YueService.Settings;

namespace YueService.Api.Access;

/// <summary>The limit on the number of songs that a caller may request per minute.</summary>
internal sealed class SongRateLimit(IOptions<AccessOptions> access, SharedSettings settings, PostgresCallers callers) : IDisposable
{
    private readonly Lazy<PartitionedRateLimiter<HttpContext>> _limiter = new(() => PartitionedRateLimiter.Create<HttpContext, string>(
        http => PartitionOf(http, access.Value.RateLimitPerMinute, settings.IsShared ? callers : null)));

    /// <summary>Counts each request to an endpoint with <see cref="Counted"/> as one song. Other requests do not count.</summary>
    public PartitionedRateLimiter<HttpContext> Limiter => _limiter.Value;

    /// <summary>The maximum number of songs per request.</summary>
    public int MaxAtOnce => access.Value.RateLimitPerMinute is > 0 and var limit ? limit : int.MaxValue;

    /// <summary>Counts songs that the middleware has not counted, at most <see cref="MaxAtOnce"/>.</summary>
    /// <returns>The problem to return if the limit is reached; null otherwise.</returns>
    public async Task<ProblemHttpResult?> TryTakeAsync(HttpContext http, int songs)
    {
        if (songs == 0 || MaxAtOnce == int.MaxValue)
        {
            return null;
        }

        using var lease = await Limiter.AcquireAsync(http, songs, http.RequestAborted);
        return lease.IsAcquired ? null : Refusal(http, lease);
    }

    /// <summary>Responds to a request that exceeds the limit.</summary>
    public static Task RejectAsync(OnRejectedContext context) =>
        Refusal(context.HttpContext, context.Lease).ExecuteAsync(context.HttpContext);

    public void Dispose()
    {
        if (_limiter.IsValueCreated)
        {
            _limiter.Value.Dispose();
        }
    }

    /// <summary>Returns the limit for the caller's key, or for the caller's address if the service has no keys; no limit if the endpoint's
    /// requests do not count as songs.</summary>
    private static RateLimitPartition<string> PartitionOf(HttpContext http, int limit, PostgresCallers? shared)
    {
        if (http.GetEndpoint()?.Metadata.GetMetadata<Counted>() is null)
        {
            return RateLimitPartition.GetNoLimiter("uncounted");
        }

        var caller = http.User.Identity?.Name is { } key ? $"key {key}" : $"address {http.Connection.RemoteIpAddress}";
        return shared is not null
            ? RateLimitPartition.Get(caller, name => (RateLimiter)new SharedRateLimiter(shared, name, limit))
            : RateLimitPartition.GetFixedWindowLimiter(
                caller, _ => new FixedWindowRateLimiterOptions { PermitLimit = limit, Window = TimeSpan.FromMinutes(1) });
    }

    private static ProblemHttpResult Refusal(HttpContext http, RateLimitLease lease)
    {
        var wait = lease.TryGetMetadata(MetadataName.RetryAfter, out var retryAfter) ? retryAfter : TimeSpan.FromMinutes(1);
        var seconds = Problems.SetRetryAfter(http, wait.TotalSeconds);
        return Problems.Create(
            http, ProblemType.RateLimited, $"The limit on songs per minute has been reached. Try again in {seconds} s.");
    }

    /// <summary>Marks an endpoint whose requests count as songs.</summary>
    internal sealed class Counted;
}
