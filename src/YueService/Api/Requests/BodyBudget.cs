using Microsoft.Extensions.Options;
using YueService.Settings;

namespace YueService.Api.Requests;

/// <summary>The bytes that the bodies of all requests may have together,
/// in memory and in temporary files. Safe for concurrent use.</summary>
internal sealed class BodyBudget(IOptions<ServiceOptions> options)
{
    private long _used;

    public long MaxBytes { get; } = options.Value.BodyBudgetMegabytes << 20;

    /// <summary>The bytes of the bodies that are being read or decoded now.</summary>
    public long UsedBytes => Interlocked.Read(ref _used);

    /// <summary>Opens the account of one body; disposing it returns its bytes.</summary>
    public Share Open() => new(this);

    /// <summary>The bytes of one body. Used by one request at a time.</summary>
    public sealed class Share(BodyBudget budget) : IDisposable
    {
        private long _arrived;

        /// <summary>The bytes that are reserved for the body.</summary>
        public long Bytes { get; private set; }

        public long MaxBytes => budget.MaxBytes;

        /// <summary>Reserves bytes that will arrive; false, with nothing reserved, when all bodies together would have too many.</summary>
        /// <remarks>An announced length is reserved at once: bodies that grow until none of them fits would all be refused.</remarks>
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

        /// <summary>Counts bytes that have arrived, and reserves those beyond what is reserved.</summary>
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
