using Yue.Engine.Settings;

namespace YueService.Settings;

/// <summary>The settings of jobs, in the same section as the engine's.</summary>
internal sealed class JobOptions
{
    /// <summary>The folder in which jobs and their songs are kept. The service does not check in advance that the folder is writable,
    /// because that can change.</summary>
    [SettingForm(@"\S", "a folder")]
    public string StateFolder { get; set; } = DefaultStateFolder;

    /// <summary>The maximum number of waiting songs.</summary>
    [SettingRange(1, 10_000)]
    public int QueueCapacity { get; set; } = 8;

    /// <summary>The maximum number of waiting songs for one API key; further songs are rejected. 0 means that only the limit for all keys
    /// applies.</summary>
    [SettingRange(0, 10_000)]
    public int QueueCapacityPerKey { get; set; }

    /// <summary>The number of days that a finished job and its song are kept; 0 means forever.</summary>
    [SettingRange(0, 36_500)]
    public int KeepSongsDays { get; set; } = 30;

    /// <summary>The maximum size of all kept songs together, in MB (10^6 bytes); the oldest are removed first. 0 means no limit.</summary>
    [SettingRange(0, 1_000_000_000)]
    public long KeepSongsMegabytes { get; set; } = 20_000;

    /// <summary>The number of days that a reference clip is kept after its last use; 0 means forever.</summary>
    [SettingRange(0, 36_500)]
    public int KeepClipsDays { get; set; } = 7;

    /// <summary>The maximum size of all kept clips together, in MB (10^6 bytes); further clips are rejected. 0 means no limit.</summary>
    [SettingRange(0, 1_000_000_000)]
    public long KeepClipsMegabytes { get; set; } = 2_000;

    /// <summary>The time for which running songs may continue at shutdown, in seconds; after that, their jobs are queued again.</summary>
    [SettingRange(0, 3_600)]
    public int DrainSeconds { get; set; } = 30;

    /// <summary>The interval in seconds at which an idle event stream sends a comment.</summary>
    [SettingRange(1, 3_600)]
    public int EventHeartbeatSeconds { get; set; } = 15;

    /// <summary>Returns the maximum number of waiting songs for an API key; null means callers without a key.</summary>
    public int CapacityOf(string? key) =>
        key is null || QueueCapacityPerKey == 0 ? QueueCapacity : Math.Min(QueueCapacity, QueueCapacityPerKey);

    private static string DefaultStateFolder { get; } = Path.Combine(
        Environment.GetEnvironmentVariable("XDG_STATE_HOME") is { Length: > 0 } state
            ? state
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "state"),
        "yue");
}
