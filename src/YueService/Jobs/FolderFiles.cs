namespace YueService.Jobs;

/// <summary>Files in a folder.</summary>
/// <remarks>A file is written under a temporary name and renamed when it is complete.</remarks>
/// <param name="root">The folder, created on the first write.</param>
/// <param name="claim">Checks before every write that this process owns the folder; null if several processes share it.</param>
/// <param name="clock">The clock for the times of files.</param>
internal sealed class FolderFiles(string root, Action? claim, TimeProvider clock) : IFileStore
{
    private const string PartExtension = ".part";
    private const string Removing = ".removing-";

    // Another process may still be writing a partial file in a shared folder.
    private static readonly TimeSpan SharedPartAge = TimeSpan.FromHours(24);

    public Task RecoverAsync(CancellationToken cancel) => GuardAsync(() =>
    {
        var parts = Directory.Exists(root) ? new DirectoryInfo(root).GetFiles("*" + PartExtension, SearchOption.AllDirectories) : [];
        var abandoned = clock.GetUtcNow().UtcDateTime - SharedPartAge;
        foreach (var part in parts.Where(part => claim is not null || part.LastWriteTimeUtc < abandoned))
        {
            part.Delete();
        }
    });

    public Task WriteAsync(string name, ReadOnlyMemory<byte> content, CancellationToken cancel) => GuardAsync(() =>
    {
        claim?.Invoke();
        var path = At(name);
        var part = $"{path}.{Guid.NewGuid():N}{PartExtension}";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using (var file = new FileStream(part, FileMode.CreateNew, FileAccess.Write))
            {
                file.Write(content.Span);
                file.Flush(flushToDisk: true);
            }

            File.SetLastWriteTimeUtc(part, clock.GetUtcNow().UtcDateTime);
            File.Move(part, path, overwrite: true);
        }
        catch (Exception e) when (StorageFaults.IsFileError(e))
        {
            TryDelete(part);
            throw;
        }
    });

    public Task<OpenFile?> OpenAsync(string name, CancellationToken cancel) => GuardAsync(() =>
    {
        try
        {
            var content = new FileStream(
                At(name), new FileStreamOptions { Share = FileShare.Read | FileShare.Delete, Options = FileOptions.Asynchronous });
            return new OpenFile(content, new DateTimeOffset(File.GetLastWriteTimeUtc(content.SafeFileHandle)));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    });

    public Task<IReadOnlyList<FileEntry>> ListAsync(string prefix, CancellationToken cancel) =>
        GuardAsync<IReadOnlyList<FileEntry>>(() =>
        {
            var folder = new DirectoryInfo(At(prefix[..(prefix.LastIndexOf('/') + 1)]));
            return folder.Exists
                ? [.. folder.EnumerateFiles("*", SearchOption.AllDirectories).Select(Entry).Where(file => IsListed(file.Name, prefix))]
                : [];
        });

    public Task TouchAsync(string name, CancellationToken cancel) => GuardAsync(() =>
    {
        try
        {
            File.SetLastWriteTimeUtc(At(name), clock.GetUtcNow().UtcDateTime);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            // It was removed.
        }
    });

    public Task DeleteAsync(string name, CancellationToken cancel) => GuardAsync(() =>
    {
        if (Directory.Exists(Path.GetDirectoryName(At(name))))
        {
            File.Delete(At(name));
        }
    });

    /// <remarks>The folder is renamed first, so that readers see either all of it or nothing.</remarks>
    public Task DeleteFolderAsync(string folder, CancellationToken cancel) => GuardAsync(() =>
    {
        var path = At(folder);
        var hidden = Path.Combine(Path.GetDirectoryName(path)!, Removing + Path.GetFileName(path));
        if (Directory.Exists(path))
        {
            DeleteIfExists(hidden);
            Directory.Move(path, hidden);
        }

        DeleteIfExists(hidden);
    });

    private FileEntry Entry(FileInfo file) => new(
        Path.GetRelativePath(root, file.FullName).Replace(Path.DirectorySeparatorChar, '/'),
        file.Length,
        new DateTimeOffset(file.LastWriteTimeUtc));

    private static bool IsListed(string name, string prefix) =>
        name.StartsWith(prefix, StringComparison.Ordinal) && !name.EndsWith(PartExtension, StringComparison.Ordinal);

    private string At(string name) => Path.Combine(root, name.Replace('/', Path.DirectorySeparatorChar));

    private static void DeleteIfExists(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (StorageFaults.IsFileError(e))
        {
            // The next startup deletes it.
        }
    }

    private static Task<T> GuardAsync<T>(Func<T> work)
    {
        try
        {
            return Task.FromResult(StorageFaults.Guard(work));
        }
        catch (StorageException e)
        {
            return Task.FromException<T>(e);
        }
    }

    private static Task<bool> GuardAsync(Action work) => GuardAsync(() =>
    {
        work();
        return true;
    });
}
