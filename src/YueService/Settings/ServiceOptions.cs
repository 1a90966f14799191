namespace YueService.Settings;

/// <summary>The service's own settings, in the same section as the engine's.</summary>
internal sealed class ServiceOptions
{
    /// <summary>The longest request body taken, in bytes.</summary>
    public long MaxBodyBytes { get; set; } = 2 * 1024 * 1024;

    /// <summary>Whether lyrics and genre lines are written to the log.</summary>
    public bool LogLyrics { get; set; }

    /// <summary><c>console</c> (readable lines) or <c>json</c> (one compact JSON object a line).</summary>
    public string LogFormat { get; set; } = "console";
}
