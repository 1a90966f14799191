using Yue.Engine.Settings;

namespace YueService.Settings;

/// <summary>The settings of processes that share their jobs, in the same section as the engine's settings.</summary>
internal sealed class StoreOptions
{
    /// <summary>The PostgreSQL database that has the jobs, as a connection string. Without one, jobs are in the state folder.</summary>
    public string? Store { get; set; }

    /// <summary>The place of files that all processes reach: <c>s3://bucket/prefix?endpoint=…</c>, or a shared folder.</summary>
    public string? Files { get; set; }

    /// <summary>The seconds within which a worker renews its claims; later its songs are another worker's.</summary>
    [SettingRange(1, 600)]
    public int LeaseSeconds { get; set; } = 15;

    /// <summary>The seconds for which a worker goes on with its songs while it does not reach the database.</summary>
    [SettingRange(1, 86_400)]
    public int OutageSeconds { get; set; } = 600;

    /// <summary>Returns true if processes share their jobs.</summary>
    public bool IsShared() => Store is { Length: > 0 };
}
