namespace YueService.Jobs;

/// <summary>Keeps files by name: the songs, the reference clips of jobs, and clips. Safe for any thread.</summary>
/// <remarks>
/// A name is parts of letters, digits, <c>.</c>, <c>-</c> and <c>_</c> with <c>/</c> between them. A file is complete under its name at any
/// instant, also when the process is killed while it writes. Every error is a <see cref="StorageException"/>.
/// </remarks>
internal interface IFileStore
{
    /// <summary>Deletes what a killed process left of files that it was writing.</summary>
    Task RecoverAsync(CancellationToken cancel);

    /// <summary>Writes a file, in place of one of the same name. It survives a power cut when the call returns.</summary>
    Task WriteAsync(string name, ReadOnlyMemory<byte> content, CancellationToken cancel);

    /// <summary>Opens a file; null if there is none.</summary>
    Task<OpenFile?> OpenAsync(string name, CancellationToken cancel);

    /// <summary>Returns the files whose names begin with a text, in any order.</summary>
    Task<IReadOnlyList<FileEntry>> ListAsync(string prefix, CancellationToken cancel);

    /// <summary>Sets the time of a file to now. Does nothing if there is none.</summary>
    Task TouchAsync(string name, CancellationToken cancel);

    /// <summary>Deletes a file, if there is one.</summary>
    Task DeleteAsync(string name, CancellationToken cancel);

    /// <summary>Deletes a folder with all files in it, if there is one.</summary>
    /// <param name="folder">The part of their names before a <c>/</c>.</param>
    /// <param name="cancel">Gives up waiting.</param>
    Task DeleteFolderAsync(string folder, CancellationToken cancel);
}

/// <summary>An open file.</summary>
/// <param name="Content">The file from its beginning; it can seek.</param>
/// <param name="ModifiedAt">When it was written or touched.</param>
internal sealed record OpenFile(Stream Content, DateTimeOffset ModifiedAt);

/// <summary>A file as a listing has it.</summary>
/// <param name="Name">The whole name.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="ModifiedAt">When it was written or touched.</param>
internal sealed record FileEntry(string Name, long Bytes, DateTimeOffset ModifiedAt);

/// <summary>Shorthand for whole files.</summary>
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
        var bytes = new byte[content.Length];
        await content.ReadExactlyAsync(bytes, cancel);
        return bytes;
    }
}
