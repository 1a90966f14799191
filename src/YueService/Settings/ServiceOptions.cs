using Yue.Engine.Settings;

namespace YueService.Settings;

/// <summary>The service's own settings, in the same section as the engine's.</summary>
internal sealed class ServiceOptions
{
    /// <summary>The maximum length of a request body in bytes; reference clips have a separate limit.</summary>
    /// <remarks>The default is enough for the longest lyrics with escapes. A body above the upper bound would not fit into one
    /// array.</remarks>
    [SettingRange(1024, 1024 * 1024 * 1024)]
    public long MaxBodyBytes { get; set; } = 2 * 1024 * 1024;

    /// <summary>The maximum total size of all request bodies while they are being read and decoded, in MiB.</summary>
    [SettingRange(1, 1_000_000)]
    public long BodyBudgetMegabytes { get; set; } = 256;

    /// <summary>True to write lyrics and genre lines to the log.</summary>
    public bool LogLyrics { get; set; }

    /// <summary><c>console</c> (readable lines) or <c>json</c> (one compact JSON object per line).</summary>
    [SettingChoice("console", "json")]
    public string LogFormat { get; set; } = "console";
}
