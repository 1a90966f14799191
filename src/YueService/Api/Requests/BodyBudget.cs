using Microsoft.Extensions.Options;
using YueService.Settings;

namespace YueService.Api.Requests;

/// <summary>The byte limit for the bodies of all requests together, in memory and in temporary files. Thread-safe.</summary>
internal sealed class BodyBudget(IOptions<ServiceOptions> options)
{
    private long _used;

    public long MaxBytes { get; } = options.Value.BodyBudgetMegabytes << 20;

    /// <summary>The number of bytes that are reserved for the bodies being read or decoded.</summary>
    public long UsedBytes => Interlocked.Read(ref _used);

    /// <summary>Opens a share of the budget for one body. Disposing the share returns its bytes.</summary>
    public Share Open() => new(this);

    /// <summary>The part of the budget that one body uses. Used by one request at a time.</summary>
    public sealed class Share(BodyBudget budget) : IDisposable
    {
        private long _arrived;

        /// <summary>The number of bytes that are reserved for the body.</summary>
        public long Bytes { get; private set; }

        public long MaxBytes => budget.MaxBytes;

        /// <summary>Reserves bytes that will arrive. Returns false, and reserves nothing, if all bodies together would exceed the
        /// limit.</summary>
        /// <remarks>An announced length is reserved immediately. Otherwise several bodies could grow until none of them fits, and all
        /// would be rejected.</remarks>
        public bool TryReserve(long bytes)
        {
            if (Interlocked.Add(ref budget._used, bytes) > budget.MaxBytes)
            {
                Interlocked.Add(ref budget._used, -bytes);
                return false;
            }

            Bytes += bytes;
            return true;
        }

        /// <summary>Counts bytes that have arrived. If the total exceeds the reservation, reserves the difference. Returns false if all
        /// bodies together would exceed the limit.</summary>
        public bool TryTake(int bytes)
        {
            _arrived += bytes;
            return _arrived <= Bytes || TryReserve(_arrived - Bytes);
        }

        public void Dispose()
        {
            Interlocked.Add(ref budget._used, -Bytes);
            Bytes = 0;
        }
    }
}
