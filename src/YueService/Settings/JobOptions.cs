namespace YueService.Settings;

/// <summary>The settings of jobs, in the same section as the engine's.</summary>
internal sealed class JobOptions
{
    /// <summary>Where jobs and their songs are kept.</summary>
    public string StateFolder { get; set; } = DefaultStateFolder;

    /// <summary>How long a finished job and its song are kept; 0 is for ever.</summary>
    public int KeepSongsDays { get; set; } = 30;

    /// <summary>How much the kept songs may take together; the oldest go first. 0 is no limit.</summary>
    public long KeepSongsMegabytes { get; set; } = 20_000;

    /// <summary>How long running songs may go on at shutdown; then jobs are queued again.</summary>
    public int DrainSeconds { get; set; } = 30;

    /// <summary>How often an event stream with nothing to say sends a comment.</summary>
    public int EventHeartbeatSeconds { get; set; } = 15;

    private static string DefaultStateFolder { get; } = Path.Combine(
        Environment.GetEnvironmentVariable("XDG_STATE_HOME") is { Length: > 0 } state
            ? state
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "state"),
        "yue");
}
