namespace YueService.Downloads;

/// <summary>The size and hash of a downloaded file.</summary>
internal sealed record FileContent(long Size, string Sha256);

/// <summary>Downloads a file in ranges into a partial file, checks it, and renames it into place.</summary>
/// <param name="hub">The server.</param>
/// <param name="settings">Attempts, timeouts, parallelism and spare disk space.</param>
/// <param name="freeBytes">Returns the free space on the disk that holds a folder.</param>
internal sealed class FileDownload(HubClient hub, DownloadSettings settings, Func<string, long> freeBytes)
{
    /// <summary>Downloads a file and checks it.</summary>
    /// <param name="file">The file.</param>
    /// <param name="target">The path of the finished file. An existing file is replaced at the end.</param>
    /// <param name="expected">The required content.</param>
    /// <param name="progress">Receives the progress.</param>
    /// <param name="cancel">Cancels the download. If the server supports ranges, the partial file is kept, and the next call continues
    /// it.</param>
    /// <exception cref="DownloadException">The file cannot be downloaded, or its content is wrong.</exception>
    public async Task<FileContent> RunAsync(
        HubFile file, string target, ExpectedContent expected, FileProgress progress, CancellationToken cancel)
    {
        for (var failures = 1; ; failures++)
        {
            DownloadException fault;
            try
            {
                return await TryAsync(file, target, expected, progress, cancel);
            }
            catch (DownloadException e) when (e.Remedy == DownloadRemedy.Restart)
            {
                fault = e;
            }

            if (failures >= settings.Attempts)
            {
                throw new DownloadException($"{fault.Message} (started {failures} times)", DownloadRemedy.None, fault);
            }

            PartFile.Delete(target);
            var delay = settings.DelayAfter(failures);
            progress.Wait(fault.Message, delay);
            await Task.Delay(delay, cancel);
        }
    }

    private async Task<FileContent> TryAsync(
        HubFile file, string target, ExpectedContent expected, FileProgress progress, CancellationToken cancel)
    {
        var remote = await RemoteFile.QueryAsync(hub, file, progress.Wait, cancel);
        CheckOffer(file, remote, expected);
        var maxBytes = MaxBytes(file, remote, target, expected);
        var sha256 = expected.Sha256 ?? remote.Sha256;
        using var part = PartFile.Open(target, remote, sha256, settings);
        progress.Follow(part, remote.Size);
        string found;
        try
        {
            found = await FetchAsync(file, remote, part, maxBytes, progress, cancel);
        }
        catch when (!remote.SupportsRanges)
        {
            // Without ranges, the next attempt starts from the beginning.
            PartFile.Delete(target);
            throw;
        }

        var size = part.Prefix;
        if (sha256 is not null && found != sha256)
        {
            PartFile.Delete(target);
            throw new DownloadException(
                $"{file}: the content has sha256 {found} instead of {sha256}; it was discarded", DownloadRemedy.None);
        }

        if (expected.Size is { } must && size != must)
        {
            PartFile.Delete(target);
            throw new DownloadException($"{file}: {size} bytes were received instead of {must}; they were discarded", DownloadRemedy.None);
        }

        part.Complete();
        return new(size, found);
    }

    /// <summary>Returns the maximum size of the file in bytes, from its known or approximate size and the free disk space.</summary>
    /// <exception cref="DownloadException">The server's file is larger.</exception>
    private long MaxBytes(HubFile file, RemoteFile remote, string target, ExpectedContent expected)
    {
        var folder = Path.GetDirectoryName(target)!;
        Directory.CreateDirectory(folder);
        if (remote.Size > expected.MaxBytes)
        {
            throw new DownloadException(
                $"{file}: the server has a file of {remote.Size} bytes, but about {expected.AboutBytes} "
                + $"(at most {expected.MaxBytes}) were expected",
                DownloadRemedy.None);
        }

        // Bytes that have already been downloaded need no more space.
        var room = Math.Max(0, freeBytes(folder) - settings.SpareBytes) + PartFile.BytesOf(target);
        if (remote.Size > room)
        {
            throw new DownloadException(
                $"{file}: {ByteText.Of(remote.Size.Value)} does not fit on the disk of {folder}, which has room for {ByteText.Of(room)} "
                + $"plus {ByteText.Of(settings.SpareBytes)} that must stay free. Free some space, or choose another disk with --folder.",
                DownloadRemedy.None);
        }

        return Math.Min(expected.MaxBytes, room);
    }

    /// <summary>Rejects a file before its download if it would be rejected after the download.</summary>
    private static void CheckOffer(HubFile file, RemoteFile remote, ExpectedContent expected)
    {
        if (expected.Size is { } size && remote.Size is { } served && served != size)
        {
            throw new DownloadException($"{file}: the server has a file of {served} bytes instead of {size}", DownloadRemedy.None);
        }

        if (remote.Size == 0)
        {
            throw new DownloadException($"{file}: the server has an empty file", DownloadRemedy.None);
        }

        if (expected.Sha256 is { } sha256 && remote.Sha256 is { } linked && linked != sha256)
        {
            throw new DownloadException($"{file}: the server has a file with sha256 {linked} instead of {sha256}", DownloadRemedy.None);
        }
    }

    /// <summary>Fetches the missing bytes, several ranges at a time, hashes them as they arrive and records them.</summary>
    private async Task<string> FetchAsync(
        HubFile file, RemoteFile remote, PartFile part, long maxBytes, FileProgress progress, CancellationToken cancel)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var fetch = new RangeFetch(hub, file, remote, part, maxBytes, settings, progress.Wait);
        var fetching = FetchRangesAsync(fetch, part, stop.Token);
        var saving = remote.SupportsRanges ? SaveAsync(part, fetching, stop.Token) : Task.CompletedTask;
        try
        {
            return await FileHash.FollowAsync(part, fetching, stop.Token);
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(fetching, saving).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (remote.SupportsRanges)
            {
                part.Save();
            }
        }
    }

    private Task FetchRangesAsync(RangeFetch fetch, PartFile part, CancellationToken cancel) => Parallel.ForEachAsync(
        part.Ranges.Where(range => !range.IsComplete),
        new ParallelOptions { MaxDegreeOfParallelism = settings.Parallel, CancellationToken = cancel },
        async (range, token) => await fetch.RunAsync(range, token));

    private async Task SaveAsync(PartFile part, Task fetching, CancellationToken cancel)
    {
        while (!fetching.IsCompleted)
        {
            await Task.WhenAny(fetching, Task.Delay(settings.SaveInterval, cancel));
            part.Save();
        }
    }
}
