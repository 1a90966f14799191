using Yue.Engine.Settings;

namespace YueService.Settings;

/// <summary>The settings for access to the service, in the same section as the engine's settings.</summary>
internal sealed class AccessOptions
{
    /// <summary>The bearer tokens that callers may send, separated by commas. If there are none, no token is required.</summary>
    public string? ApiKey { get; set; }

    /// <summary>Host names, separated by commas, that a service without a key accepts. Loopback names and IP addresses are always
    /// accepted.</summary>
    public string? AllowedHosts { get; set; }

    /// <summary>The origins of web pages that may use the service, separated by commas.</summary>
    public string? CorsOrigins { get; set; }

    /// <summary>The maximum number of songs per minute for each key, or for each address if no key is set; 0 means no limit.</summary>
    [SettingRange(0, 1_000_000)]
    public int RateLimitPerMinute { get; set; }

    /// <summary>The maximum time that a caller waits for its song, or for the first sound if the song is streamed, in seconds;
    /// 0 means no limit.</summary>
    [SettingRange(0, 7 * 24 * 3_600)]
    public int SongTimeoutSeconds { get; set; } = 3600;

    /// <summary>The maximum time for a response that does not wait for a song, in seconds. Event streams, sound, and the loading and
    /// unloading of models are not limited.</summary>
    [SettingRange(1, 3_600)]
    public int RequestTimeoutSeconds { get; set; } = 30;

    /// <summary>Returns the keys of <see cref="ApiKey"/>.</summary>
    public IReadOnlyList<string> Keys() => Split(ApiKey);

    /// <summary>Returns the names of <see cref="AllowedHosts"/>.</summary>
    public IReadOnlyList<string> Hosts() => Split(AllowedHosts);

    /// <summary>Returns the origins of <see cref="CorsOrigins"/>.</summary>
    public IReadOnlyList<string> Origins() => Split(CorsOrigins);

    private static string[] Split(string? list) =>
        (list ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
