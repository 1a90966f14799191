namespace YueService.Settings;

/// <summary>Who may ask for what, in the same section as the engine's settings.</summary>
internal sealed class AccessOptions
{
    /// <summary>The bearer token that callers must send; several are separated by commas. Null lets everybody in.</summary>
    public string? ApiKey { get; set; }

    /// <summary>Songs that one key, or one address where no key is set, may ask for in a minute; 0 is no limit.</summary>
    public int RateLimitPerMinute { get; set; }

    /// <summary>How long a caller may wait for its song; 0 is no limit.</summary>
    public int SongTimeoutSeconds { get; set; } = 3600;

    /// <summary>How long any other answer may take.</summary>
    public int RequestTimeoutSeconds { get; set; } = 30;

    /// <summary>The keys of <see cref="ApiKey"/>.</summary>
    public IReadOnlyList<string> Keys() =>
        (ApiKey ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
