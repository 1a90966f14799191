namespace YueService.Jobs;

/// <summary>Stores files by name: songs, reference clips of jobs, uploaded clips, and sound that is being passed to other
/// processes. Thread-safe.</summary>
/// <remarks>
/// A name consists of parts separated by <c>/</c>; a part contains only letters, digits, <c>.</c>, <c>-</c> and <c>_</c>. A file with its
/// final name is always complete, even if the process is killed during a write. Every error is a <see cref="StorageException"/>.
/// </remarks>
internal interface IFileStore
{
    /// <summary>Deletes partial files that a killed process left behind.</summary>
    Task RecoverAsync(CancellationToken cancel);

    /// <summary>Writes a file, replacing any file with the same name. Once the task completes, the file survives a power failure.</summary>
    Task WriteAsync(string name, ReadOnlyMemory<byte> content, CancellationToken cancel);

    /// <summary>Opens a file; returns null if there is none.</summary>
    Task<OpenFile?> OpenAsync(string name, CancellationToken cancel);

    /// <summary>Returns the files whose names begin with a prefix, in any order.</summary>
    Task<IReadOnlyList<FileEntry>> ListAsync(string prefix, CancellationToken cancel);

    /// <summary>Sets the time of a file to now; a recent time may be left unchanged. Does nothing if there is no such file.</summary>
    Task TouchAsync(string name, CancellationToken cancel);

    /// <summary>Deletes a file if it exists.</summary>
    Task DeleteAsync(string name, CancellationToken cancel);

    /// <summary>Deletes a folder and all files in it, if it exists.</summary>
    /// <param name="folder">The name prefix before a <c>/</c>.</param>
    /// <param name="cancel">Cancels the call; some of the files may remain.</param>
    Task DeleteFolderAsync(string folder, CancellationToken cancel);
}

/// <summary>An open file.</summary>
/// <param name="Content">The content as a seekable stream, positioned at its beginning.</param>
/// <param name="ModifiedAt">The time when the file was last written or touched.</param>
internal sealed record OpenFile(Stream Content, DateTimeOffset ModifiedAt);

/// <summary>A file in a listing.</summary>
/// <param name="Name">The full name.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="ModifiedAt">The time when the file was last written or touched.</param>
internal sealed record FileEntry(string Name, long Bytes, DateTimeOffset ModifiedAt);

/// <summary>Extension methods that read whole files.</summary>
internal static class FileStoreExtensions
{
    /// <summary>Returns the content of a file; null if there is none.</summary>
    public static async Task<byte[]?> ReadAsync(this IFileStore files, string name, CancellationToken cancel)
    {
        if (await files.OpenAsync(name, cancel) is not { } file)
        {
            return null;
        }

        await using var content = file.Content;
        return await content.ReadWholeAsync(cancel);
    }

    /// <summary>Returns the content of an open file.</summary>
    /// <exception cref="StorageException">The file could not be read to its end.</exception>
    public static Task<byte[]> ReadWholeAsync(this Stream file, CancellationToken cancel) => StorageFaults.GuardAsync(async () =>
    {
        var bytes = new byte[file.Length];
        await file.ReadExactlyAsync(bytes, cancel);
        return bytes;
    });
}
