using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Yue.Engine.Scheduling;
using YueService.Settings;

namespace YueService.Jobs.Shared;

/// <summary>Registers the services of processes that share their jobs.</summary>
internal static class SharedExtensions
{
    /// <summary>Registers the services for shared jobs; the settings decide whether they are used. Must be called after the jobs are
    /// registered.</summary>
    /// <param name="services">The services.</param>
    /// <param name="role">The part of the work that the process does.</param>
    public static void AddSharedJobs(this IServiceCollection services, ServiceRole role)
    {
        services.AddSingleton(provider => new SharedSettings(role, provider.GetRequiredService<IOptions<StoreOptions>>()));
        services.AddSingleton(provider => new PostgresDatabase(
            provider.GetRequiredService<IOptions<StoreOptions>>().Value.Store ?? "", provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<PostgresQueue>();
        services.AddSingleton<PostgresCallers>();
        services.AddSingleton<MirrorSongs>();
        services.AddHosted<SharedNotices>();
        services.AddHosted<JobMirrors>();
        services.AddHosted<WorkerLeases>();
        services.AddHosted<SoundRelay>();
        services.AddHosted<SharedProcesses>();
        services.AddHosted<SharedMetrics>();
        services.AddHosted<SharedSweep>();
        services.AddSingleton(provider => new Lazy<ISongEngine>(provider.GetRequiredService<ISongEngine>));
        services.Choose<IJobLog, SqliteJobLog, PostgresJobLog>();
        services.Choose<IJobQueue, JobOrder, SharedQueue>();
        services.Choose<IJobBoard, LocalBoard, JobMirrors>();
        services.AddSingleton(FilesOf);
    }

    /// <summary>Checks that a process with only one role shares its jobs.</summary>
    /// <exception cref="OptionsValidationException">The process has only one role but does not share its jobs.</exception>
    public static void ValidateRole(this IServiceProvider services)
    {
        if (services.GetRequiredService<SharedSettings>() is { IsShared: false, Role: not ServiceRole.Both and var role })
        {
            throw new OptionsValidationException(nameof(StoreOptions.Store), typeof(StoreOptions), [
                $"Yue:Store is not set, but {(role == ServiceRole.Api ? "yue serve --role api" : "yue worker")} shares its jobs with other "
                    + "processes: name the PostgreSQL database in Yue:Store, and the location of the files in Yue:Files."]);
        }
    }

    /// <summary>Registers a service under its own type, and starts and stops it with the host.</summary>
    private static void AddHosted<T>(this IServiceCollection services)
        where T : class, IHostedService
    {
        services.AddSingleton<T>();
        services.AddHostedService(provider => provider.GetRequiredService<T>());
    }

    /// <summary>Registers one implementation for a single process, and another for processes that share their jobs.</summary>
    private static void Choose<T, TLocal, TShared>(this IServiceCollection services)
        where T : class
        where TLocal : class, T
        where TShared : class, T
    {
        services.TryAddSingleton<TLocal>();
        services.TryAddSingleton<TShared>();
        services.AddSingleton<T>(provider => provider.GetRequiredService<SharedSettings>().IsShared
            ? provider.GetRequiredService<TShared>()
            : provider.GetRequiredService<TLocal>());
    }

    private static IFileStore FilesOf(IServiceProvider provider)
    {
        var clock = provider.GetRequiredService<TimeProvider>();
        var store = provider.GetRequiredService<IOptions<StoreOptions>>().Value;
        if (!store.IsShared())
        {
            var folder = provider.GetRequiredService<IOptions<JobOptions>>().Value.StateFolder;
            return new FolderFiles(folder, provider.GetRequiredService<StateFolder>().Claim, clock);
        }

        return SharedFiles.Open(store, clock);
    }

    /// <summary>Wraps the registered engine in a <see cref="ClusterEngine"/> if processes share their jobs, or replaces it with one if this
    /// process makes no songs. An engine that was registered as an instance is kept.</summary>
    public static void AddEngineView(this IServiceCollection services, ServiceRole role)
    {
        var registered = services.Last(service => service.ServiceType == typeof(ISongEngine));
        if (registered.ImplementationInstance is not null)
        {
            return;
        }

        services.Remove(registered);
        services.AddSingleton<ISongEngine>(provider =>
        {
            var isShared = provider.GetRequiredService<SharedSettings>().IsShared;
            var own = role == ServiceRole.Api ? null
                : (ISongEngine)(registered.ImplementationFactory?.Invoke(provider)
                    ?? ActivatorUtilities.CreateInstance(provider, registered.ImplementationType!));
            return isShared || own is null ? new ClusterEngine(own, provider.GetRequiredService<SharedProcesses>) : own;
        });
    }
}
