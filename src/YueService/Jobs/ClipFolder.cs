using System.Globalization;
using Microsoft.Extensions.Options;
using YueService.Settings;

namespace YueService.Jobs;

/// <summary>Reference clips that callers keep here, to name them in many requests: one file per clip, as it was sent.</summary>
/// <remarks>
/// A clip's name is the hash of its content, so that the same file is kept once. A file is complete under its own name at any instant, even
/// if the process is killed. Its time is when it was last used. A job has a copy of its clip's sound, so a clip can be removed at any time.
/// File errors are <see cref="StorageException"/>. Safe for any thread.
/// </remarks>
internal sealed partial class ClipFolder(
    StateFolder state, IOptions<JobOptions> options, TimeProvider clock, ILogger<ClipFolder> logger)
{
    private const string PartExtension = ".part";
    private const int IdLength = 32;
    private const long Megabyte = 1_000_000;

    private readonly Lock _lock = new();
    private readonly string _root = state["clips"];

    /// <summary>The bytes that all clips may take together; null for no limit.</summary>
    public long? MaxBytes => options.Value.KeepClipsMegabytes == 0 ? null : options.Value.KeepClipsMegabytes * Megabyte;

    /// <summary>Returns the name of a clip.</summary>
    /// <param name="hash">The SHA-256 of its content.</param>
    public static string IdOf(byte[] hash) => Convert.ToHexStringLower(hash)[..IdLength];

    /// <summary>Returns a clip; null if there is none of that name.</summary>
    public StoredClip? Find(string id) => StorageFaults.Guard(() => IsId(id) && FileOf(id) is { } file ? Show(file) : null);

    /// <summary>Returns a clip, and counts this as its last use; null if there is none of that name.</summary>
    public StoredClip? Use(string id) => StorageFaults.Guard(() =>
    {
        lock (_lock)
        {
            if (!IsId(id) || FileOf(id) is not { } file)
            {
                return null;
            }

            file.LastWriteTimeUtc = clock.GetUtcNow().UtcDateTime;
            return Show(file);
        }
    });

    /// <summary>Returns the content of a clip; null if it was removed.</summary>
    public Task<byte[]?> ReadAsync(string id, CancellationToken cancel) => Task.Run(
        () => StorageFaults.Guard(() =>
        {
            try
            {
                return FileOf(id) is { } file ? File.ReadAllBytes(file.FullName) : null;
            }
            catch (FileNotFoundException)
            {
                return null;
            }
        }),
        cancel);

    /// <summary>Keeps a clip.</summary>
    /// <param name="id">Its name, which no clip has yet; otherwise that one counts.</param>
    /// <param name="seconds">The length of its sound.</param>
    /// <param name="content">The file.</param>
    /// <returns>Null if all clips together would take too much.</returns>
    public StoredClip? Add(string id, double seconds, ReadOnlySpan<byte> content)
    {
        state.Claim();
        lock (_lock)
        {
            if (Use(id) is { } known)
            {
                return known;
            }

            var part = Path.Combine(_root, $"{id}{PartExtension}");
            try
            {
                Directory.CreateDirectory(_root);
                if (BytesInUse() + content.Length > MaxBytes)
                {
                    return null;
                }

                Write(part, content);
                var path = Path.Combine(_root, NameOf(id, seconds));
                File.SetLastWriteTimeUtc(part, clock.GetUtcNow().UtcDateTime);
                File.Move(part, path);
                return Show(new FileInfo(path));
            }
            catch (Exception e) when (StorageFaults.IsFileError(e))
            {
                TryDelete(part);
                throw new StorageException(StorageFaults.Describe(e), e);
            }
        }
    }

    /// <summary>Removes a clip.</summary>
    /// <returns>False if there is none of that name.</returns>
    public bool Delete(string id) => StorageFaults.Guard(() =>
    {
        lock (_lock)
        {
            if (!IsId(id) || FileOf(id) is not { } file)
            {
                return false;
            }

            file.Delete();
            LogRemoved(id);
            return true;
        }
    });

    /// <summary>Removes the clips that were not used for long.</summary>
    public void Sweep()
    {
        if (options.Value.KeepClipsDays == 0)
        {
            return;
        }

        var due = clock.GetUtcNow() - TimeSpan.FromDays(options.Value.KeepClipsDays);
        foreach (var clip in StorageFaults.Guard(() => Files().Select(Show).ToList()).Where(clip => clip.UsedAt < due))
        {
            Delete(clip.Id);
        }
    }

    /// <summary>Deletes partial files that an earlier process left.</summary>
    public void Recover() => StorageFaults.Guard(() =>
    {
        foreach (var part in Directory.Exists(_root) ? Directory.GetFiles(_root, "*" + PartExtension) : [])
        {
            File.Delete(part);
        }

        return true;
    });

    /// <summary>Returns the bytes that all clips take together.</summary>
    public long BytesInUse() => StorageFaults.Guard(() => Files().Sum(file => file.Length));

    private IEnumerable<FileInfo> Files() => Directory.Exists(_root)
        ? new DirectoryInfo(_root).EnumerateFiles().Where(file => file.Name.Length > IdLength && IsId(file.Name[..IdLength])
            && !file.Name.EndsWith(PartExtension, StringComparison.Ordinal))
        : [];

    private FileInfo? FileOf(string id) =>
        Directory.Exists(_root) ? new DirectoryInfo(_root).EnumerateFiles($"{id}-*").FirstOrDefault() : null;

    private StoredClip Show(FileInfo file) => new(
        file.Name[..IdLength],
        file.Length,
        SecondsOf(file.Name),
        new DateTimeOffset(file.LastWriteTimeUtc),
        options.Value.KeepClipsDays == 0 ? null : new DateTimeOffset(file.LastWriteTimeUtc).AddDays(options.Value.KeepClipsDays));

    // The length of the sound is in the file's name: 0123…-12500 has 12.5 seconds.
    private static string NameOf(string id, double seconds) => string.Create(CultureInfo.InvariantCulture, $"{id}-{seconds * 1000:F0}");

    private static double SecondsOf(string name) =>
        long.TryParse(name.AsSpan(IdLength + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds)
            ? milliseconds / 1000.0
            : 0;

    private static bool IsId(string id) => id.Length == IdLength && id.All(char.IsAsciiHexDigitLower);

    private static void Write(string path, ReadOnlySpan<byte> content)
    {
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write);
        file.Write(content);
        file.Flush(flushToDisk: true);
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (StorageFaults.IsFileError(e))
        {
            // The next start deletes it.
        }
    }

    [LoggerMessage(LogLevel.Information, "Clip {ClipId} was removed")]
    private partial void LogRemoved(string clipId);
}

/// <summary>A clip that is kept.</summary>
/// <param name="Id">Its name: 32 hexadecimal digits, the same for the same content.</param>
/// <param name="Bytes">The size of the file.</param>
/// <param name="Seconds">The length of its sound.</param>
/// <param name="UsedAt">When it was last uploaded or named in a request.</param>
/// <param name="ExpiresAt">When it is removed if nobody uses it before; null for never.</param>
internal sealed record StoredClip(string Id, long Bytes, double Seconds, DateTimeOffset UsedAt, DateTimeOffset? ExpiresAt);
