namespace YueService.Downloads;

/// <summary>The result of checking a file in a models folder.</summary>
internal enum FileVerdict
{
    Ok,
    Missing,
    Wrong,

    /// <summary>The file exists, but its hash is unknown.</summary>
    Unknown,
}

/// <summary>Compares files with their expected sizes and hashes.</summary>
internal static class ModelVerify
{
    /// <summary>Verifies one file.</summary>
    /// <returns>The verdict and its details in words.</returns>
    public static async Task<(FileVerdict Verdict, string Text)> FileAsync(ModelFile file, ModelLock locked, CancellationToken cancel)
    {
        var there = new FileInfo(file.Path);
        if (!there.Exists)
        {
            var partial = PartFile.BytesOf(file.Path);
            return (FileVerdict.Missing, partial > 0 ? $"incomplete: {ByteText.Of(partial)} has been downloaded" : "missing");
        }

        var expected = file.Expected(locked);
        if (expected.Size is { } size && there.Length != size)
        {
            return (FileVerdict.Wrong, $"{there.Length} bytes, expected {size}");
        }

        if (expected.Sha256 is null)
        {
            return (FileVerdict.Unknown, "its hash is unknown because it was not pulled by this program");
        }

        var sha256 = await FileHash.OfAsync(file.Path, cancel);
        return sha256 == expected.Sha256
            ? (FileVerdict.Ok, ByteText.Of(there.Length))
            : (FileVerdict.Wrong, $"sha256 {sha256}, expected {expected.Sha256}");
    }
}
