using Microsoft.Extensions.DependencyInjection.Extensions;
using Yue.Engine;
using YueService.Audio;

namespace YueService.Hosting;

/// <summary>Registers what makes songs.</summary>
internal static class EngineExtensions
{
    /// <summary>Registers the engine as a hosted singleton, and the encoder. Where either is registered already, that one stays.</summary>
    public static void AddSongEngine<TEngine, TEncoder>(this IServiceCollection services)
        where TEngine : class, ISongEngine, IHostedService
        where TEncoder : class, ISongEncoder
    {
        services.TryAddSingleton<ISongEngine, TEngine>();
        services.TryAddSingleton<ISongEncoder, TEncoder>();
        services.AddSingleton(provider => (IHostedService)provider.GetRequiredService<ISongEngine>());
    }

    /// <summary>Has the engine watched: the process ends when it is lost, and systemd, where it runs the process, is told how it is.</summary>
    public static void AddEngineWatch(this IServiceCollection services)
    {
        services.AddSingleton<EngineWatch>();
        services.AddHostedService(provider => provider.GetRequiredService<EngineWatch>());
        if (SystemdSettings.Read(Environment.GetEnvironmentVariable) is { } systemd)
        {
            services.AddSingleton(systemd);
            services.AddHostedService<SystemdNotifier>();
        }
    }
}
