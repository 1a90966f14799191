using System.Diagnostics;
using System.Threading.RateLimiting;
using YueService.Jobs.Shared;

namespace YueService.Api.Access;

/// <summary>The limit on a caller's songs per minute, counted over all processes.</summary>
/// <param name="callers">Counts the songs.</param>
/// <param name="caller">The name of the caller.</param>
/// <param name="limit">The maximum number of songs per minute.</param>
internal sealed class SharedRateLimiter(PostgresCallers callers, string caller, int limit) : RateLimiter
{
    private long _usedAt = Stopwatch.GetTimestamp();

    /// <remarks>An idle limiter can be dropped, because the count is in the database.</remarks>
    public override TimeSpan? IdleDuration => Stopwatch.GetElapsedTime(Volatile.Read(ref _usedAt));

    public override RateLimiterStatistics? GetStatistics() => null;

    /// <remarks>Always rejects, because the count is only in the database. Callers use the asynchronous method.</remarks>
    protected override RateLimitLease AttemptAcquireCore(int permitCount) => new Lease(TimeSpan.Zero);

    protected override async ValueTask<RateLimitLease> AcquireAsyncCore(int permitCount, CancellationToken cancellationToken)
    {
        Volatile.Write(ref _usedAt, Stopwatch.GetTimestamp());
        return new Lease(await callers.TakeSongsAsync(caller, permitCount, limit, cancellationToken));
    }

    /// <summary>The result of a request for songs.</summary>
    /// <param name="wait">The time after which the caller may try again; null if the songs are granted.</param>
    private sealed class Lease(TimeSpan? wait) : RateLimitLease
    {
        public override bool IsAcquired => wait is null;

        public override IEnumerable<string> MetadataNames => [MetadataName.RetryAfter.Name];

        public override bool TryGetMetadata(string metadataName, out object? metadata)
        {
            metadata = metadataName == MetadataName.RetryAfter.Name ? wait : null;
            return metadata is not null;
        }
    }
}
