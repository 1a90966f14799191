using Microsoft.Extensions.Options;
using YueService.Settings;

namespace YueService.Requests;

/// <summary>The bytes that the bodies of all requests may have together, in memory and in temporary files. Safe for concurrent use.</summary>
internal sealed class BodyBudget(IOptions<ServiceOptions> options)
{
    private long _used;

    public long MaxBytes { get; } = options.Value.BodyBudgetMegabytes << 20;

    /// <summary>The bytes of the bodies that are being read or decoded now.</summary>
    public long UsedBytes => Interlocked.Read(ref _used);

    /// <summary>Whether a body of an announced length would fit now. Nothing is reserved: a client that sends nothing holds nothing.</summary>
    public bool HasRoomFor(long bytes) => UsedBytes + bytes <= MaxBytes;

    /// <summary>Opens the account of one body; disposing it returns its bytes.</summary>
    public Share Open() => new(this);

    /// <summary>The bytes of one body. Used by one request at a time.</summary>
    public sealed class Share(BodyBudget budget) : IDisposable
    {
        /// <summary>The bytes taken so far.</summary>
        public long Bytes { get; private set; }

        public long MaxBytes => budget.MaxBytes;

        /// <summary>Takes bytes that have arrived; false, with nothing taken, when all bodies together have too many.</summary>
        public bool TryTake(int bytes)
        {
            if (Interlocked.Add(ref budget._used, bytes) > budget.MaxBytes)
            {
                Interlocked.Add(ref budget._used, -bytes);
                return false;
            }

            Bytes += bytes;
            return true;
        }

        public void Dispose()
        {
            Interlocked.Add(ref budget._used, -Bytes);
            Bytes = 0;
        }
    }
}
