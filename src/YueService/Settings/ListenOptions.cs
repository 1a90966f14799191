namespace YueService.Settings;

/// <summary>Where the service listens: the host's own setting <c>urls</c>.</summary>
internal sealed class ListenOptions
{
    /// <summary>Addresses, separated by semicolons; null or empty is the default.</summary>
    public string? Urls { get; set; }
}
