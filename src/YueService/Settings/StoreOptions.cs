using Yue.Engine.Settings;

namespace YueService.Settings;

/// <summary>The settings of processes that share their jobs, in the same section as the engine's settings.</summary>
internal sealed class StoreOptions
{
    /// <summary>The PostgreSQL database with the jobs, as a connection string. Without one, jobs are in the state folder.</summary>
    public string? Store { get; set; }

    /// <summary>The location of the files that all processes can reach: <c>s3://bucket/prefix?endpoint=…</c>, or a shared folder.</summary>
    public string? Files { get; set; }

    /// <summary>The time within which a worker must renew its claims, in seconds; after that, other workers take over its songs.</summary>
    [SettingRange(1, 600)]
    public int LeaseSeconds { get; set; } = 15;

    /// <summary>The time for which a worker that cannot reach the database continues to make its songs, in seconds.</summary>
    [SettingRange(1, 86_400)]
    public int OutageSeconds { get; set; } = 600;

    /// <summary>Returns true if processes share their jobs.</summary>
    public bool IsShared() => Store is { Length: > 0 };
}
