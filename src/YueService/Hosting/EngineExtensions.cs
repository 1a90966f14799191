using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting.Systemd;
using Yue.Engine.Audio;
using Yue.Engine.Scheduling;
using YueService.Jobs.Audio;

namespace YueService.Hosting;

/// <summary>Registers the services that make songs.</summary>
internal static class EngineExtensions
{
    /// <summary>Registers the encoder, the reader of reference clips, and the engine, which starts and stops with the host. Existing
    /// registrations are kept.</summary>
    public static void AddSongEngine<TEngine, TEncoder>(this IServiceCollection services)
        where TEngine : class, ISongEngine
        where TEncoder : class, ISongEncoder
    {
        services.TryAddSingleton<ISongEngine, TEngine>();
        services.TryAddSingleton<ISongEncoder, TEncoder>();
        services.TryAddSingleton(_ => new AudioDecoder());
        services.TryAddSingleton<StemSeparator>();
        services.TryAddSingleton<ReferenceLoader>();
        services.AddHostedService<EngineLifetime>();
    }

    /// <summary>Registers the services that watch the engine: the process exits when the engine is lost. If systemd runs the process, the
    /// engine's state is reported to systemd.</summary>
    /// <remarks>This does not use <c>AddSystemd</c>, which reports READY when the host has started, before songs can be made.</remarks>
    public static void AddEngineWatch(this IServiceCollection services)
    {
        services.AddSingleton<EngineWatch>();
        services.AddHostedService(provider => provider.GetRequiredService<EngineWatch>());
        var systemd = new SystemdNotifier();
        if (systemd.IsEnabled)
        {
            services.AddSingleton<ISystemdNotifier>(systemd);
            services.AddSingleton(SystemdWatchdog.Read(Environment.GetEnvironmentVariable));
            services.AddHostedService<SystemdReporter>();
        }
    }

    /// <summary>Starts the engine after the host has started, so that no models are loaded if the server cannot listen. Drains the engine
    /// when the host stops. This is a separate service because a container disposes a service once per registration.</summary>
    private sealed class EngineLifetime(ISongEngine engine) : IHostedLifecycleService
    {
        public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartedAsync(CancellationToken cancellationToken)
        {
            engine.Start();
            return Task.CompletedTask;
        }

        public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => engine.DrainAsync(cancellationToken);

        public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
