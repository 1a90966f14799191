namespace YueService.Downloads;

/// <summary>Downloads the files of a profile into a models folder.</summary>
/// <param name="folder">The models folder.</param>
/// <param name="hub">The server.</param>
/// <param name="settings">Attempts, waits and limits.</param>
/// <param name="show">Shows the progress of a file until a task ends.</param>
/// <param name="output">Receives the result.</param>
/// <param name="freeBytes">Returns the free space on the disk that holds a folder.</param>
internal sealed class ModelPull(
    ModelFolder folder,
    HubClient hub,
    DownloadSettings settings,
    Func<FileProgress, Task, Task> show,
    TextWriter output,
    Func<string, long> freeBytes)
{
    /// <summary>Downloads the missing files.</summary>
    /// <exception cref="DownloadException">A file cannot be downloaded.</exception>
    /// <exception cref="IOException">The disk has too little free space, or fails.</exception>
    public async Task RunAsync(string profile, CancellationToken cancel)
    {
        Directory.CreateDirectory(folder.Path);
        var locked = ModelLock.Read(folder.Path);
        var files = folder.FilesOf(profile);
        var missing = files.Where(file => !file.Exists(locked)).ToList();
        new DiskSpace(freeBytes, settings.SpareBytes).Require(folder.Path, missing.Sum(Left), "downloaded", "--folder");
        await output.WriteLineAsync(
            $"{profile}: {files.Count - missing.Count} of {files.Count} files are installed, {ByteText.Of(missing.Sum(Left))} to download");
        var download = new FileDownload(hub, settings, freeBytes);
        foreach (var file in missing)
        {
            var progress = new FileProgress(file.Name, file.File.ExpectedBytes);
            var pulling = PullAsync(download, file, locked, progress, cancel);
            await show(progress, pulling);
            await output.WriteLineAsync($"{file.Name}: {ByteText.Of(await pulling)}, checked");
        }

        if (folder.Manifest.IsWhole(profile))
        {
            await output.WriteLineAsync("All files are installed and verified. To use them, set:");
            foreach (var line in folder.SettingsOf(profile))
            {
                await output.WriteLineAsync($"  {line}");
            }
        }
        else
        {
            var whole = folder.Manifest.Profiles.Keys.Where(folder.Manifest.IsWhole);
            await output.WriteLineAsync(
                $"All files are installed and verified. To make songs, also pull one of these profiles: {string.Join(", ", whole)}.");
        }
    }

    private static async Task<long> PullAsync(
        FileDownload download, ModelFile file, ModelLock locked, FileProgress progress, CancellationToken cancel)
    {
        var content = await FindCopiedAsync(file, cancel)
            ?? await download.RunAsync(file.OnHub, file.Path, file.Expected(locked), progress, cancel);
        locked.Add(file.Name, new(file.Checkpoint.Revision, content.Size, content.Sha256));
        return content.Size;
    }

    /// <summary>Returns the size and hash of a file that another program put into the models folder; null if there is no such file, if
    /// the manifest has no hash for it, or if the file and the manifest differ.</summary>
    private static async Task<FileContent?> FindCopiedAsync(ModelFile file, CancellationToken cancel)
    {
        var copied = new FileInfo(file.Path);
        if (!copied.Exists || file.File.Sha256 is null || copied.Length != (file.File.Size ?? copied.Length))
        {
            return null;
        }

        var sha256 = await FileHash.OfAsync(file.Path, cancel);
        return sha256 == file.File.Sha256 ? new(copied.Length, sha256) : null;
    }

    private static long Left(ModelFile file) => Math.Max(0, file.File.ExpectedBytes - PartFile.BytesOf(file.Path));
}
