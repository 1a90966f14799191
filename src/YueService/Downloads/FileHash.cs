using System.Security.Cryptography;

namespace YueService.Downloads;

/// <summary>Computes the SHA-256 of files.</summary>
internal static class FileHash
{
    private const int BufferBytes = 1 << 20;
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);

    /// <summary>Returns the hash of a file, in lowercase hex.</summary>
    public static async Task<string> OfAsync(string path, CancellationToken cancel)
    {
        await using var file = new FileStream(
            path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes, FileOptions.Asynchronous | FileOptions.SequentialScan);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(file, cancel));
    }

    /// <summary>Returns the hash of a partial file, computed while its bytes arrive.</summary>
    /// <param name="part">The partial file.</param>
    /// <param name="fetched">Completes when every byte has arrived. If it fails, the hash fails too.</param>
    /// <param name="cancel">Cancels the computation.</param>
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
                hash.AppendData(buffer, 0, count > 0 ? count : throw new EndOfStreamException("the partial file has become shorter"));
                at += count;
            }

            if (isLast)
            {
                await fetched;
                return Convert.ToHexStringLower(hash.GetHashAndReset());
            }

            await Task.WhenAny(fetched, Task.Delay(PollInterval, cancel));
            cancel.ThrowIfCancellationRequested();
        }
    }
}
