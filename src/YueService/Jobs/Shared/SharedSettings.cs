using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using YueService.Settings;

namespace YueService.Jobs.Shared;

/// <summary>The part of the work that a process does.</summary>
internal enum ServiceRole
{
    /// <summary>Takes jobs and makes songs.</summary>
    Both,

    /// <summary>Takes jobs; has no model.</summary>
    Api,

    /// <summary>Makes songs of jobs that others take.</summary>
    Worker,
}

/// <summary>The role of this process, and the settings of the jobs that it shares with others.</summary>
internal sealed class SharedSettings(ServiceRole role, IOptions<StoreOptions> options)
{
    /// <summary>A name that no other process has.</summary>
    public string ProcessId { get; } = RandomNumberGenerator.GetHexString(16, lowercase: true);

    /// <summary>A name for people.</summary>
    public string ProcessName { get; } = $"{Environment.MachineName}:{Environment.ProcessId}";

    public ServiceRole Role => role;

    /// <summary>True if jobs are in a database that processes share.</summary>
    public bool IsShared => options.Value.IsShared();

    /// <summary>True if this process takes jobs from callers.</summary>
    public bool TakesJobs => role != ServiceRole.Worker;

    /// <summary>True if this process makes songs.</summary>
    public bool MakesSongs => role != ServiceRole.Api;

    /// <summary>The time within which a worker renews its claims.</summary>
    public TimeSpan Lease => TimeSpan.FromSeconds(options.Value.LeaseSeconds);

    public TimeSpan RenewInterval => Lease / 3 < MaxRenewInterval ? Lease / 3 : MaxRenewInterval;

    /// <summary>The time after which a worker that does not reach the database gives its songs up.</summary>
    public TimeSpan Outage => TimeSpan.FromSeconds(options.Value.OutageSeconds);

    /// <summary>The time between two looks for what a lost notification announced.</summary>
    public static TimeSpan PollInterval => TimeSpan.FromSeconds(1);

    private static TimeSpan MaxRenewInterval => TimeSpan.FromSeconds(5);
}
