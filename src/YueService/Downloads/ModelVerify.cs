namespace YueService.Downloads;

/// <summary>What a file in a models folder turned out to be.</summary>
internal enum FileVerdict
{
    Ok,
    Missing,
    Wrong,

    /// <summary>It is there, and nothing says what it must be.</summary>
    Unknown,
}

/// <summary>Reads every file of a profile and holds it against its size and hash.</summary>
internal static class ModelVerify
{
    /// <summary>Verifies one file.</summary>
    /// <returns>The verdict and a sentence about it.</returns>
    public static async Task<(FileVerdict Verdict, string Text)> FileAsync(ModelFile file, ModelLock locked, CancellationToken cancel)
    {
        var there = new FileInfo(file.Path);
        if (!there.Exists)
        {
            var half = PartFile.BytesOf(file.Path);
            return (FileVerdict.Missing, half > 0 ? $"half of it is there ({ByteText.Of(half)})" : "not there");
        }

        var expected = file.Expected(locked);
        if (expected.Size is { } size && there.Length != size)
        {
            return (FileVerdict.Wrong, $"{there.Length} bytes, expected {size}");
        }

        if (expected.Sha256 is null)
        {
            return (FileVerdict.Unknown, "there, and nothing says what its hash must be: it was not pulled by this program");
        }

        var sha256 = await FileHash.OfAsync(file.Path, null, cancel);
        return sha256 == expected.Sha256
            ? (FileVerdict.Ok, ByteText.Of(there.Length))
            : (FileVerdict.Wrong, $"sha256 {sha256}, expected {expected.Sha256}");
    }
}
