namespace YueService.Settings;

/// <summary>Which requests are accepted, in the same section as the engine's settings.</summary>
internal sealed class AccessOptions
{
    /// <summary>The bearer token that callers must send; several are separated by commas. Without one, no token is needed.</summary>
    public string? ApiKey { get; set; }

    /// <summary>Host names, separated by commas, that a service without a key answers to besides loopback names and IP addresses.</summary>
    public string? AllowedHosts { get; set; }

    /// <summary>The origins of web pages that may use the service, separated by commas.</summary>
    public string? CorsOrigins { get; set; }

    /// <summary>Songs that one key, or one address where no key is set, may ask for in a minute; 0 is no limit.</summary>
    public int RateLimitPerMinute { get; set; }

    /// <summary>How long a caller may wait for its song; 0 is no limit.</summary>
    public int SongTimeoutSeconds { get; set; } = 3600;

    /// <summary>How long any other answer may take.</summary>
    public int RequestTimeoutSeconds { get; set; } = 30;

    /// <summary>The keys of <see cref="ApiKey"/>.</summary>
    public IReadOnlyList<string> Keys() => Split(ApiKey);

    /// <summary>The names of <see cref="AllowedHosts"/>.</summary>
    public IReadOnlyList<string> Hosts() => Split(AllowedHosts);

    /// <summary>The origins of <see cref="CorsOrigins"/>.</summary>
    public IReadOnlyList<string> Origins() => Split(CorsOrigins);

    private static string[] Split(string? list) =>
        (list ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
