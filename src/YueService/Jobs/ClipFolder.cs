using System.Globalization;
using Microsoft.Extensions.Options;
using YueService.Settings;

namespace YueService.Jobs;

/// <summary>The reference clips that callers uploaded for use in several requests: one file per clip, as it was sent.</summary>
/// <remarks>
/// A clip's name is derived from the hash of its content, so the same file is stored once. The modification time of the file is the
/// clip's last use. A job has its own copy of the sound, so a clip can be removed at any time. File errors are thrown as
/// <see cref="StorageException"/>. Thread-safe.
/// </remarks>
internal sealed partial class ClipFolder(
    IFileStore files, IOptions<JobOptions> options, TimeProvider clock, ILogger<ClipFolder> logger) : IDisposable
{
    private const string Root = "clips/";
    private const int IdLength = 32;
    private const long Megabyte = 1_000_000;

    private readonly SemaphoreSlim _adding = new(1, 1);

    /// <summary>The maximum total size of all clips in bytes; null for no limit.</summary>
    public long? MaxBytes => options.Value.KeepClipsMegabytes == 0 ? null : options.Value.KeepClipsMegabytes * Megabyte;

    /// <summary>Returns the name of a clip.</summary>
    /// <param name="hash">The SHA-256 of its content.</param>
    public static string IdOf(byte[] hash) => Convert.ToHexStringLower(hash)[..IdLength];

    /// <summary>Returns a clip; null if there is no such clip.</summary>
    public async Task<StoredClip?> FindAsync(string id, CancellationToken cancel) =>
        await FileOfAsync(id, cancel) is { } file ? Show(file) : null;

    /// <summary>Returns a clip and updates the time of its last use; null if there is no such clip.</summary>
    public async Task<StoredClip?> UseAsync(string id, CancellationToken cancel)
    {
        if (await FileOfAsync(id, cancel) is not { } file)
        {
            return null;
        }

        await files.TouchAsync(file.Name, cancel);
        return Show(file with { ModifiedAt = clock.GetUtcNow() });
    }

    /// <summary>Returns the content of a clip; null if it was removed.</summary>
    public async Task<byte[]?> ReadAsync(string id, CancellationToken cancel) =>
        await FileOfAsync(id, cancel) is { } file ? await files.ReadAsync(file.Name, cancel) : null;

    /// <summary>Stores a clip.</summary>
    /// <param name="id">Its name. If there is already a clip with this name, that clip is returned.</param>
    /// <param name="seconds">The length of its sound.</param>
    /// <param name="content">The file.</param>
    /// <param name="cancel">Cancels the wait.</param>
    /// <returns>The clip; null if all clips together would exceed the limit.</returns>
    public async Task<StoredClip?> AddAsync(string id, double seconds, ReadOnlyMemory<byte> content, CancellationToken cancel)
    {
        await _adding.WaitAsync(cancel);
        try
        {
            if (await UseAsync(id, cancel) is { } known)
            {
                return known;
            }

            if (await BytesInUseAsync(cancel) + content.Length > MaxBytes)
            {
                return null;
            }

            var name = NameOf(id, seconds);
            await files.WriteAsync(name, content, cancel);
            return Show(new(name, content.Length, clock.GetUtcNow()));
        }
        finally
        {
            _adding.Release();
        }
    }

    /// <summary>Removes a clip.</summary>
    /// <returns>False if there is no such clip.</returns>
    public async Task<bool> DeleteAsync(string id, CancellationToken cancel)
    {
        if (await FileOfAsync(id, cancel) is not { } file)
        {
            return false;
        }

        await files.DeleteAsync(file.Name, cancel);
        LogRemoved(id);
        return true;
    }

    /// <summary>Removes the clips that have expired.</summary>
    public async Task SweepAsync(CancellationToken cancel)
    {
        if (options.Value.KeepClipsDays == 0)
        {
            return;
        }

        var due = clock.GetUtcNow() - TimeSpan.FromDays(options.Value.KeepClipsDays);
        foreach (var clip in (await AllAsync(cancel)).Select(Show).Where(clip => clip.UsedAt < due))
        {
            await DeleteAsync(clip.Id, cancel);
        }
    }

    /// <summary>Returns the total size of all clips in bytes.</summary>
    public async Task<long> BytesInUseAsync(CancellationToken cancel) => (await AllAsync(cancel)).Sum(file => file.Bytes);

    public void Dispose() => _adding.Dispose();

    private async Task<IEnumerable<FileEntry>> AllAsync(CancellationToken cancel) =>
        (await files.ListAsync(Root, cancel)).Where(file => file.Name.Length > Root.Length + IdLength && IsId(IdOf(file)));

    private async Task<FileEntry?> FileOfAsync(string id, CancellationToken cancel) =>
        IsId(id) && await files.ListAsync($"{Root}{id}-", cancel) is [var file, ..] ? file : null;

    private StoredClip Show(FileEntry file) => new(
        IdOf(file),
        file.Bytes,
        SecondsOf(file),
        file.ModifiedAt,
        options.Value.KeepClipsDays == 0 ? null : file.ModifiedAt.AddDays(options.Value.KeepClipsDays));

    // The length of the sound is in the file's name: 0123…-12500 lasts 12.5 seconds.
    private static string NameOf(string id, double seconds) =>
        string.Create(CultureInfo.InvariantCulture, $"{Root}{id}-{seconds * 1000:F0}");

    private static string IdOf(FileEntry file) => file.Name.Substring(Root.Length, IdLength);

    private static double SecondsOf(FileEntry file) =>
        long.TryParse(file.Name.AsSpan(Root.Length + IdLength + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds)
            ? milliseconds / 1000.0
            : 0;

    private static bool IsId(string id) => id.Length == IdLength && id.All(char.IsAsciiHexDigitLower);

    [LoggerMessage(LogLevel.Information, "Clip {ClipId} was removed")]
    private partial void LogRemoved(string clipId);
}

/// <summary>A stored clip.</summary>
/// <param name="Id">Its name: 32 hexadecimal digits, the same for the same content.</param>
/// <param name="Bytes">The size of the file.</param>
/// <param name="Seconds">The length of its sound.</param>
/// <param name="UsedAt">The time of its last upload or use in a request.</param>
/// <param name="ExpiresAt">The time when it is removed unless it is used again; null for never.</param>
internal sealed record StoredClip(string Id, long Bytes, double Seconds, DateTimeOffset UsedAt, DateTimeOffset? ExpiresAt);
