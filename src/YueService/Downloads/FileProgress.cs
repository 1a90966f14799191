using System.Globalization;

namespace YueService.Downloads;

/// <summary>The progress of one file: written by the download, read by the view.</summary>
internal sealed class FileProgress(string name, long expectedBytes)
{
    private volatile PartFile? _part;
    private long _total = expectedBytes;
    private volatile string? _waiting;

    /// <summary>The file's path inside the models folder.</summary>
    public string Name => name;

    /// <summary>The size of the file; approximate until the server states it.</summary>
    public long Total => Interlocked.Read(ref _total);

    /// <summary>The fraction of the file that has arrived, 0 to 1.</summary>
    public double Fraction =>
        Total > 0 && _part is { } part ? Math.Min(1, part.Ranges.Sum(range => range.Done) / (double)Total) : 0;

    /// <summary>Returns the reason for the latest wait that began since the last call; null if there was none.</summary>
    public string? TakeWaiting() => Interlocked.Exchange(ref _waiting, null);

    /// <summary>Switches to the progress of a partial file.</summary>
    public void Follow(PartFile part, long? size)
    {
        _part = part;
        Interlocked.Exchange(ref _total, size ?? Total);
    }

    public void Wait(string reason, TimeSpan delay) =>
        _waiting = string.Create(CultureInfo.InvariantCulture, $"{reason}; retrying in {delay.TotalSeconds:F0} s");
}
