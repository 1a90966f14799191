using System.Diagnostics;
using System.Threading.RateLimiting;
using YueService.Jobs.Shared;

namespace YueService.Api.Access;

/// <summary>The limit of a caller's songs per minute, which all processes count together.</summary>
/// <param name="callers">Counts.</param>
/// <param name="caller">The caller, by a name.</param>
/// <param name="limit">The songs that it may ask for per minute.</param>
internal sealed class SharedRateLimiter(PostgresCallers callers, string caller, int limit) : RateLimiter
{
    private long _usedAt = Stopwatch.GetTimestamp();

    /// <remarks>Nothing is lost when a limiter that is idle is dropped.</remarks>
    public override TimeSpan? IdleDuration => Stopwatch.GetElapsedTime(Volatile.Read(ref _usedAt));

    public override RateLimiterStatistics? GetStatistics() => null;

    /// <remarks>Only the database can tell: callers ask again and wait for it.</remarks>
    protected override RateLimitLease AttemptAcquireCore(int permitCount) => new Lease(TimeSpan.Zero);

    protected override async ValueTask<RateLimitLease> AcquireAsyncCore(int permitCount, CancellationToken cancellationToken)
    {
        Volatile.Write(ref _usedAt, Stopwatch.GetTimestamp());
        return new Lease(await callers.TakeSongsAsync(caller, permitCount, limit, cancellationToken));
    }

    /// <summary>The answer.</summary>
    /// <param name="wait">The time after which the caller may try again; null if it may have its songs.</param>
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
