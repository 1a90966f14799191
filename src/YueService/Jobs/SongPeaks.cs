using Microsoft.Extensions.Caching.Memory;
using YueService.Jobs.Audio;

namespace YueService.Jobs;

/// <summary>The peaks of finished songs, computed from their files on demand and cached in memory for a while.</summary>
internal sealed class SongPeaks : IDisposable
{
    private const long MaxCachedBytes = 32L << 20;

    private readonly MemoryCache _cache = new(new MemoryCacheOptions { SizeLimit = MaxCachedBytes });

    // One file at a time, so that callers that request the same peaks wait for the first one.
    private readonly SemaphoreSlim _reading = new(1, 1);

    /// <summary>Returns the peaks of a track.</summary>
    /// <param name="version">A unique identifier of the file's content and of the number of intervals per second.</param>
    /// <param name="wav">The track's file.</param>
    /// <param name="perSecond">The number of intervals per second.</param>
    /// <param name="cancel">Cancelled when the caller disconnects.</param>
    public async Task<PeakList> OfAsync(string version, Stream wav, int perSecond, CancellationToken cancel)
    {
        await _reading.WaitAsync(cancel);
        try
        {
            if (_cache.TryGetValue(version, out PeakList? known))
            {
                return known!;
            }

            var peaks = new SoundPeaks(await FinishedSound.FormatOfAsync(wav, cancel), perSecond);
            await foreach (var chunk in FinishedSound.SamplesAsync(wav, cancel))
            {
                peaks.Add(chunk);
            }

            peaks.Complete();
            var list = new PeakList(peaks.Pairs, peaks.Seconds, IsComplete: true);
            _cache.Set(version, list, new MemoryCacheEntryOptions { Size = (list.Pairs.Count * sizeof(short)) + 1024 });
            return list;
        }
        finally
        {
            _reading.Release();
        }
    }

    public void Dispose()
    {
        _cache.Dispose();
        _reading.Dispose();
    }
}
