using Yue.Engine.Settings;

namespace YueService.Settings;

/// <summary>The service's own settings, in the same section as the engine's.</summary>
internal sealed class ServiceOptions
{
    /// <summary>The longest request body accepted, in bytes; a reference clip has a limit of its own.</summary>
    /// <remarks>A body must hold the longest lyrics, escaped. Above the upper bound it does not fit one array of bytes.</remarks>
    [SettingRange(1024, 1024 * 1024 * 1024)]
    public long MaxBodyBytes { get; set; } = 2 * 1024 * 1024;

    /// <summary>The largest total size, in MiB, of all request bodies while they are read and decoded.</summary>
    [SettingRange(1, 1_000_000)]
    public long BodyBudgetMegabytes { get; set; } = 256;

    /// <summary>Whether lyrics and genre lines are written to the log.</summary>
    public bool LogLyrics { get; set; }

    /// <summary><c>console</c> (readable lines) or <c>json</c> (one compact JSON object per line).</summary>
    [SettingChoice("console", "json")]
    public string LogFormat { get; set; } = "console";
}
