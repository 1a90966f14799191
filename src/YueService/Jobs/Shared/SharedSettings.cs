using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using YueService.Settings;

namespace YueService.Jobs.Shared;

/// <summary>The role of a process.</summary>
internal enum ServiceRole
{
    /// <summary>Accepts jobs and makes songs.</summary>
    Both,

    /// <summary>Accepts jobs; has no models.</summary>
    Api,

    /// <summary>Makes the songs of jobs that other processes accept.</summary>
    Worker,
}

/// <summary>The role of this process, and the settings of the jobs that it shares with others.</summary>
internal sealed class SharedSettings(ServiceRole role, IOptions<StoreOptions> options)
{
    /// <summary>The unique name of this process.</summary>
    public string ProcessId { get; } = RandomNumberGenerator.GetHexString(16, lowercase: true);

    /// <summary>The readable name of this process.</summary>
    public string ProcessName { get; } = $"{Environment.MachineName}:{Environment.ProcessId}";

    public ServiceRole Role => role;

    /// <summary>True if jobs are in a database that several processes share.</summary>
    public bool IsShared => options.Value.IsShared();

    /// <summary>True if this process accepts jobs from callers.</summary>
    public bool TakesJobs => role != ServiceRole.Worker;

    /// <summary>True if this process makes songs.</summary>
    public bool MakesSongs => role != ServiceRole.Api;

    /// <summary>The time within which a worker must renew its claims.</summary>
    public TimeSpan Lease => TimeSpan.FromSeconds(options.Value.LeaseSeconds);

    public TimeSpan RenewInterval => Lease / 3 < MaxRenewInterval ? Lease / 3 : MaxRenewInterval;

    /// <summary>The time after which a worker that cannot reach the database cancels its songs.</summary>
    public TimeSpan Outage => TimeSpan.FromSeconds(options.Value.OutageSeconds);

    /// <summary>The polling interval, in case notifications are lost.</summary>
    public static TimeSpan PollInterval => TimeSpan.FromSeconds(1);

    private static TimeSpan MaxRenewInterval => TimeSpan.FromSeconds(5);
}
