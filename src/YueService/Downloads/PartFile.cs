using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Win32.SafeHandles;

namespace YueService.Downloads;

/// <summary>A partial file: <c>NAME.part</c>, with a record <c>NAME.part.json</c> of the bytes that it has.</summary>
/// <remarks>The record is written after the bytes have reached the disk, so all bytes that it lists are on the disk even after a power
/// failure. Several threads can write different ranges.</remarks>
internal sealed class PartFile : IDisposable
{
    private const string Suffix = ".part";

    private readonly string _target;
    private readonly SafeFileHandle _handle;
    private readonly Record _record;
    private readonly Lock _saving = new();

    private PartFile(string target, SafeFileHandle handle, Record record)
    {
        (_target, _handle, _record) = (target, handle, record);
        Ranges = [.. record.Done.Select((done, i) =>
            new PartRange(i * record.RangeBytes, Math.Min(record.RangeBytes, record.Size - (i * record.RangeBytes)), done))];
    }

    /// <summary>The ranges of the file, in order; a single range of unknown length if the size is unknown.</summary>
    public IReadOnlyList<PartRange> Ranges { get; }

    /// <summary>The number of contiguous bytes from the start.</summary>
    public long Prefix
    {
        get
        {
            var prefix = 0L;
            foreach (var range in Ranges)
            {
                prefix += range.Done;
                if (!range.IsComplete)
                {
                    break;
                }
            }

            return prefix;
        }
    }

    /// <summary>Opens the partial file of a target, and continues it if it belongs to the same content.</summary>
    /// <param name="target">The path of the whole file.</param>
    /// <param name="remote">The server's information about the file.</param>
    /// <param name="sha256">The hash that the content must have; null if it is not known.</param>
    /// <param name="settings">The settings with the range size.</param>
    /// <exception cref="IOException">Another process is writing the partial file, or the disk fails.</exception>
    public static PartFile Open(string target, RemoteFile remote, string? sha256, DownloadSettings settings)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        var handle = File.OpenHandle(
            target + Suffix, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, FileOptions.Asynchronous);
        try
        {
            var size = remote.Size ?? long.MaxValue;
            var rangeBytes = remote.SupportsRanges && size > settings.RangeBytes ? settings.RangeBytes : size;
            var ranges = remote.Size is null ? 1 : (size + rangeBytes - 1) / rangeBytes;
            var fresh = new Record(size, rangeBytes, remote.ETag?.ToString(), sha256, new long[ranges]);
            var kept = remote.SupportsRanges ? ReadRecord(target) : null;
            if (kept is null || !kept.ContinuesAs(fresh) || RandomAccess.GetLength(handle) < kept.End)
            {
                File.Delete(RecordPath(target));
                RandomAccess.SetLength(handle, 0);
                kept = fresh;
            }

            return new PartFile(target, handle, kept);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Returns the number of bytes that the partial file of a target has; 0 without a valid record.</summary>
    public static long BytesOf(string target) => ReadRecord(target)?.Done.Sum() ?? 0;

    /// <summary>Removes a partial file and its record.</summary>
    public static void Delete(string target)
    {
        File.Delete(RecordPath(target));
        File.Delete(target + Suffix);
    }

    public async ValueTask WriteAsync(PartRange range, ReadOnlyMemory<byte> bytes, CancellationToken cancel)
    {
        await RandomAccess.WriteAsync(_handle, bytes, range.Start + range.Done, cancel);
        range.Add(bytes.Length);
    }

    public ValueTask<int> ReadAsync(Memory<byte> buffer, long offset, CancellationToken cancel) =>
        RandomAccess.ReadAsync(_handle, buffer, offset, cancel);

    /// <summary>Writes the record of the bytes that have arrived.</summary>
    public void Save()
    {
        lock (_saving)
        {
            var done = Ranges.Select(range => range.Done).ToArray();
            RandomAccess.FlushToDisk(_handle);
            var path = RecordPath(_target);
            File.WriteAllBytes(path + ".new", JsonSerializer.SerializeToUtf8Bytes(_record with { Done = done }));
            File.Move(path + ".new", path, overwrite: true);
        }
    }

    /// <summary>Renames the partial file, which must be complete and verified, to the target.</summary>
    public void Complete()
    {
        RandomAccess.FlushToDisk(_handle);
        File.Move(_target + Suffix, _target, overwrite: true);
        File.Delete(RecordPath(_target));
    }

    public void Dispose() => _handle.Dispose();

    private static string RecordPath(string target) => $"{target}{Suffix}.json";

    private static Record? ReadRecord(string target)
    {
        try
        {
            return File.Exists(target + Suffix)
                && JsonSerializer.Deserialize<Record>(File.ReadAllBytes(RecordPath(target))) is { IsSound: true } record
                ? record
                : null;
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            return null;
        }
    }

    private sealed record Record(long Size, long RangeBytes, string? ETag, string? Sha256, long[] Done)
    {
        [JsonIgnore]
        public bool IsSound => RangeBytes > 0 && Done is { Length: > 0 } && Done.Length == (Size + RangeBytes - 1) / RangeBytes
            && Done.Select((done, i) => done >= 0 && done <= Math.Min(RangeBytes, Size - (i * RangeBytes))).All(holds => holds);

        /// <summary>The offset after the last byte that the record lists.</summary>
        [JsonIgnore]
        public long End => Done.Select((done, i) => done == 0 ? 0 : (i * RangeBytes) + done).Max();

        /// <summary>Returns whether the bytes certainly belong to the file that is being downloaded now.</summary>
        public bool ContinuesAs(Record now) => Size == now.Size
            && ((ETag is not null && ETag == now.ETag) || (Sha256 is not null && Sha256 == now.Sha256));
    }
}

/// <summary>A range of a partial file, written by one thread at a time.</summary>
internal sealed class PartRange(long start, long length, long done)
{
    private long _done = done;

    public long Start => start;

    /// <summary>The length of the range in bytes; <see cref="long.MaxValue"/> if unknown.</summary>
    public long Length { get; private set; } = length;

    /// <summary>The number of bytes that have arrived, from the start of the range.</summary>
    public long Done => Interlocked.Read(ref _done);

    public bool IsComplete => Done == Length;

    public void Add(int bytes) => Interlocked.Add(ref _done, bytes);

    /// <summary>Sets the unknown length to the number of bytes that have arrived.</summary>
    public void End() => Length = Done;
}
