using System.Security.Cryptography;

namespace YueService.Downloads;

/// <summary>SHA-256 of files.</summary>
internal static class FileHash
{
    private const int BufferBytes = 1 << 20;
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(20);

    /// <summary>The hash of a file, in lower-case hex.</summary>
    public static async Task<string> OfAsync(string path, Action<int>? read, CancellationToken cancel)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes, FileOptions.Asynchronous | FileOptions.SequentialScan);
        var buffer = new byte[BufferBytes];
        int count;
        while ((count = await file.ReadAsync(buffer, cancel)) > 0)
        {
            hash.AppendData(buffer, 0, count);
            read?.Invoke(count);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>The hash of a half file, computed behind the bytes as they come.</summary>
    /// <param name="part">The half file.</param>
    /// <param name="fetched">Ends when every byte is there; its failure ends this, too.</param>
    /// <param name="cancel">Gives up.</param>
    public static async Task<string> FollowAsync(PartFile part, Task fetched, CancellationToken cancel)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[BufferBytes];
        for (var at = 0L; ;)
        {
            var isLast = fetched.IsCompleted;
            var end = part.Prefix;
            while (at < end)
            {
                var count = await part.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, end - at)), at, cancel);
                hash.AppendData(buffer, 0, count > 0 ? count : throw new EndOfStreamException("the half file has become shorter"));
                at += count;
            }

            if (isLast)
            {
                await fetched;
                return Convert.ToHexStringLower(hash.GetHashAndReset());
            }

            await Task.WhenAny(fetched, Task.Delay(LookInterval, cancel));
            cancel.ThrowIfCancellationRequested();
        }
    }
}
