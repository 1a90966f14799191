namespace YueService.Settings;

/// <summary>The addresses to listen on: the host's own setting <c>urls</c>.</summary>
internal sealed class ListenOptions
{
    /// <summary>Addresses, separated by semicolons; null or empty means the default.</summary>
    public string? Urls { get; set; }

    /// <summary>Returns whether an address is a socket in the file system, which is protected by file permissions.</summary>
    public static bool IsUnixSocket(string url) => url.StartsWith("http://unix:/", StringComparison.OrdinalIgnoreCase);

    /// <summary>Returns each address as text and, if it is valid, parsed. A host such as <c>*</c> means all addresses of this
    /// machine.</summary>
    public static IEnumerable<(string Text, Uri? Address)> Read(string urls) =>
        urls.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(url => (url, Uri.TryCreate(
                url.Replace("://*", "://0.0.0.0", StringComparison.Ordinal).Replace("://+", "://0.0.0.0", StringComparison.Ordinal),
                UriKind.Absolute,
                out var address) ? address : null));
}
