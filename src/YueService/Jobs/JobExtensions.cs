using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using YueService.Settings;
using YueService.Telemetry;

namespace YueService.Jobs;

/// <summary>Registers the job service.</summary>
internal static class JobExtensions
{
    // After the drain there are still rows to write and connections to close.
    private static readonly TimeSpan AfterDrain = TimeSpan.FromSeconds(15);

    public static void AddJobs(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<SongTelemetry>();
        services.AddSingleton<JobSignals>();
        services.AddSingleton<JobFailure>();
        services.AddSingleton<StateFolder>();
        services.AddSingleton<SongFolder>();
        services.AddSingleton<ReferenceFolder>();
        services.AddSingleton<IJobStore, SqliteJobStore>();
        services.AddSingleton<IJobQueue, EngineJobQueue>();
        services.AddSingleton<JobRunner>();
        services.AddSingleton<Retention>();
        services.AddSingleton<SongJobs>();
        services.AddHostedService<JobService>();
        services.AddOptions<HostOptions>().Configure<IOptions<JobOptions>>(
            (host, jobs) => host.ShutdownTimeout = TimeSpan.FromSeconds(jobs.Value.DrainSeconds) + AfterDrain);
    }
}
