namespace YueService.Settings;

/// <summary>Where the service listens: the host's own setting <c>urls</c>.</summary>
internal sealed class ListenOptions
{
    /// <summary>Addresses, separated by semicolons; null or empty is the default.</summary>
    public string? Urls { get; set; }

    /// <summary>Whether an address is a socket in the file system, which its permissions guard.</summary>
    public static bool IsUnixSocket(string url) => url.StartsWith("http://unix:/", StringComparison.OrdinalIgnoreCase);

    /// <summary>Each address as it is written and, where it is one, read; a host such as <c>*</c> means all of this machine's.</summary>
    public static IEnumerable<(string Text, Uri? Address)> Read(string urls) =>
        urls.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(url => (url, Uri.TryCreate(
                url.Replace("://*", "://0.0.0.0", StringComparison.Ordinal).Replace("://+", "://0.0.0.0", StringComparison.Ordinal),
                UriKind.Absolute,
                out var address) ? address : null));
}
