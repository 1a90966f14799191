using System.Globalization;

namespace YueService.Downloads;

/// <summary>How far a file is; written by the download, read by whoever draws it.</summary>
internal sealed class FileProgress(string name, long expectedBytes)
{
    private volatile PartFile? _part;
    private long _total = expectedBytes;
    private long _done;
    private volatile string? _waiting;

    public string Name => name;

    public long Total => Interlocked.Read(ref _total);

    /// <summary>Bytes that are there.</summary>
    public long Done => _part is { } part ? part.Ranges.Sum(range => range.Done) : Interlocked.Read(ref _done);

    /// <summary>Why it waits, since the last look; null when it does not.</summary>
    public string? TakeWaiting() => Interlocked.Exchange(ref _waiting, null);

    /// <summary>The half file tells from now on.</summary>
    public void Follow(PartFile part, long? size)
    {
        _part = part;
        Interlocked.Exchange(ref _total, size ?? Total);
    }

    public void Wait(string reason, TimeSpan delay) =>
        _waiting = string.Create(CultureInfo.InvariantCulture, $"{reason}; trying again in {delay.TotalSeconds:F0} s");

    /// <summary>The file is whole.</summary>
    public void End(long size)
    {
        Interlocked.Exchange(ref _total, size);
        Interlocked.Exchange(ref _done, size);
        _part = null;
    }

    /// <summary>More bytes were looked at, where there is no half file.</summary>
    public void Add(int bytes) => Interlocked.Add(ref _done, bytes);
}
