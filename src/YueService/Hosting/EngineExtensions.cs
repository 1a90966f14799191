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
        services.AddHostedService<EngineLifetime>();
    }

    /// <summary>Starts and stops the engine with the host. A service of its own, since a container disposes of a service once for
    /// every name that it is registered under.</summary>
    private sealed class EngineLifetime(ISongEngine engine) : IHostedService
    {
        private readonly IHostedService _engine = (IHostedService)engine;

        public Task StartAsync(CancellationToken cancellationToken) => _engine.StartAsync(cancellationToken);

        public Task StopAsync(CancellationToken cancellationToken) => _engine.StopAsync(cancellationToken);
    }
}
