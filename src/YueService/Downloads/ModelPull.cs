namespace YueService.Downloads;

/// <summary>Brings the files of a profile into a models folder.</summary>
/// <param name="folder">Where to.</param>
/// <param name="hub">Where from.</param>
/// <param name="settings">How patiently.</param>
/// <param name="view">Shows the progress.</param>
/// <param name="output">Where the result is told.</param>
/// <param name="freeBytes">The room on the disk of a folder.</param>
internal sealed class ModelPull(
    ModelFolder folder, HubClient hub, DownloadSettings settings, IDownloadView view, TextWriter output, Func<string, long> freeBytes)
{
    /// <summary>Pulls what is missing; what is there is left alone.</summary>
    /// <returns>Whether every file is there now.</returns>
    /// <exception cref="DownloadException">A file cannot be had.</exception>
    /// <exception cref="IOException">The disk is too small or fails.</exception>
    public async Task RunAsync(string profile, CancellationToken cancel)
    {
        Directory.CreateDirectory(folder.Path);
        var locked = ModelLock.Read(folder.Path);
        var files = folder.FilesOf(profile);
        var missing = files.Where(file => !file.IsThere(locked)).ToList();
        CheckRoom(missing);
        await output.WriteLineAsync($"{profile}: {files.Count - missing.Count} of {files.Count} files are there, {ByteText.Of(missing.Sum(Left))} to download");
        var download = new FileDownload(hub, settings, freeBytes);
        foreach (var file in missing)
        {
            var progress = new FileProgress(file.Name, file.File.ExpectedBytes);
            await view.FollowAsync(progress, PullAsync(download, file, locked, progress, cancel));
        }

        await output.WriteLineAsync("Every file is there and checked. To run with them, set:");
        foreach (var line in folder.SettingsOf(profile))
        {
            await output.WriteLineAsync($"  {line}");
        }
    }

    private static async Task PullAsync(
        FileDownload download, ModelFile file, ModelLock locked, FileProgress progress, CancellationToken cancel)
    {
        var content = await CopiedByHandAsync(file, cancel)
            ?? await download.RunAsync(file.OnHub, file.Path, file.Expected(locked), progress, cancel);
        locked.Add(file.Name, new(file.Checkpoint.Revision, content.Size, content.Sha256));
        progress.End(content.Size);
    }

    /// <summary>A file that some other program put there, where the manifest can tell that it is the right one.</summary>
    private static async Task<FileContent?> CopiedByHandAsync(ModelFile file, CancellationToken cancel)
    {
        var there = new FileInfo(file.Path);
        if (!there.Exists || file.File.Sha256 is null || there.Length != (file.File.Size ?? there.Length))
        {
            return null;
        }

        var sha256 = await FileHash.OfAsync(file.Path, null, cancel);
        return sha256 == file.File.Sha256 ? new(there.Length, sha256) : null;
    }

    private void CheckRoom(IReadOnlyList<ModelFile> missing)
    {
        var needed = missing.Sum(Left);
        var free = freeBytes(folder.Path);
        if (needed > 0 && needed + settings.SpareBytes > free)
        {
            throw new IOException(
                $"{folder.Path} has {ByteText.Of(free)} free, and {ByteText.Of(needed)} are to come besides {ByteText.Of(settings.SpareBytes)} that stay free. "
                + "Make room, or name a folder on another disk with --folder.");
        }
    }

    private static long Left(ModelFile file) => Math.Max(0, file.File.ExpectedBytes - PartFile.BytesOf(file.Path));
}
