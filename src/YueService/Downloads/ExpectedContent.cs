namespace YueService.Downloads;

/// <summary>The size and hash that a file must have, as far as they are known before the download.</summary>
/// <param name="Size">The exact size in bytes; null if it is not known.</param>
/// <param name="Sha256">The hash of the content in lowercase hex; null if it is not known.</param>
/// <param name="AboutBytes">The approximate size in bytes; null if it is not known.</param>
internal sealed record ExpectedContent(long? Size, string? Sha256, long? AboutBytes = null)
{
    // A size is approximate because it was rounded, or because the file was revised later. Twice the size is a sufficient margin, except
    // for small text files, which may grow more.
    private const int Margin = 2;
    private const long MinMaxBytes = 1 << 20;

    /// <summary>The maximum size of the file in bytes; if no size is known, only the disk limits it.</summary>
    public long MaxBytes => Size ?? (AboutBytes is { } about ? Math.Max(MinMaxBytes, Margin * about) : long.MaxValue);
}
