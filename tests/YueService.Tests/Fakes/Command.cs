using Microsoft.Extensions.DependencyInjection;
using Xunit;
using Yue.Engine.Scheduling;
using YueService.CommandLine;
using YueService.Hosting;
using YueService.Jobs.Audio;

namespace YueService.Tests.Fakes;

/// <summary>The command line with an engine and an encoder that the test controls.</summary>
internal sealed class Command
{
    public FakeSongEngine Engine { get; } = new();

    public FakeSongEncoder Encoder { get; } = new();

    /// <summary>Registers additional services for the test.</summary>
    public Action<IServiceCollection> Configure { get; init; } = _ => { };

    public StringWriter Output { get; } = new();

    /// <summary>The output of <c>--out -</c>.</summary>
    public Stream StandardOutput { get; init; } = new MemoryStream();

    public StringWriter Error { get; } = new();

    /// <summary>Runs a command line to completion and returns its exit code.</summary>
    public Task<int> RunAsync(params string[] args) => RunUntilAsync(TestContext.Current.CancellationToken, args);

    /// <summary>Runs a command line until it ends or the token is cancelled.</summary>
    public Task<int> RunUntilAsync(CancellationToken cancel, params string[] args) => YueCommandLine.RunAsync(
        args,
        services =>
        {
            services.AddSingleton<ISongEngine>(Engine);
            services.AddSingleton<ISongEncoder>(Encoder);
            services.AddSongEngine<FakeSongEngine, FakeSongEncoder>();
            Configure(services);
        },
        TextWriter.Synchronized(Output),
        TextWriter.Synchronized(Error),
        StandardOutput,
        cancel);
}
