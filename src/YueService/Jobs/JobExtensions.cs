using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using YueService.Settings;

namespace YueService.Jobs;

/// <summary>Registers the job service.</summary>
internal static class JobExtensions
{
    // After the drain, rows still have to be written and connections closed.
    private static readonly TimeSpan AfterDrain = TimeSpan.FromSeconds(15);

    /// <summary>Registers the services that make the songs of jobs. Without <see cref="AddJobs"/>, jobs are kept only in memory.</summary>
    public static void AddJobWorker(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<JobOrder>();
        services.AddSingleton<IJobQueue>(provider => provider.GetRequiredService<JobOrder>());
        services.AddSingleton<IJobBoard, LocalBoard>();
        services.AddSingleton(provider => new Lazy<IJobBoard>(provider.GetRequiredService<IJobBoard>));
        services.AddSingleton<JobEstimate>();
        services.AddSingleton<JobEvents>();
        services.AddSingleton<JobSignals>();
        services.AddSingleton<JobFailure>();
        services.AddSingleton<SongTelemetry>();
        services.AddSingleton<StateFolder>();
        services.AddSingleton<IFileStore>(LocalFiles);
        services.AddSingleton<SongFolder>();
        services.AddSingleton<ReferenceFolder>();
        services.AddSingleton<ClipFolder>();
        services.AddSingleton<IJobLog, SqliteJobLog>();
        services.AddSingleton<IStreamEncoder, StreamEncoder>();
        services.AddSingleton<JobEnds>();
        services.AddSingleton<JobIntake>();
        services.AddSingleton<JobWorker>();
        services.AddHostedService(provider => provider.GetRequiredService<JobWorker>());
    }

    /// <summary>Registers the services for jobs that survive restarts.</summary>
    public static void AddJobs(this IServiceCollection services)
    {
        services.AddJobWorker();
        services.AddSingleton<Retention>();
        services.AddSingleton<JobStore>();
        services.AddSingleton<SongPeaks>();
        services.AddHostedService<JobService>();
        services.AddOptions<HostOptions>().Configure<IOptions<JobOptions>>(SetShutdownTimeout);
    }

    private static FolderFiles LocalFiles(IServiceProvider provider)
    {
        var folder = provider.GetRequiredService<IOptions<JobOptions>>().Value.StateFolder;
        return new(folder, provider.GetRequiredService<StateFolder>().Claim, provider.GetRequiredService<TimeProvider>());
    }

    private static void SetShutdownTimeout(HostOptions host, IOptions<JobOptions> jobs)
    {
        try
        {
            host.ShutdownTimeout = TimeSpan.FromSeconds(jobs.Value.DrainSeconds) + AfterDrain;
        }
        catch (OptionsValidationException)
        {
            // The host needs this timeout while it is being built. The validation of all settings, which comes next, reports every error.
        }
    }
}
