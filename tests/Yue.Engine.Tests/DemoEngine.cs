using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Xunit;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;

namespace Yue.Engine.Tests;

/// <summary>One engine on the demo model, loaded once for all tests of a class.</summary>
public sealed class DemoEngine : IAsyncLifetime
{
    public DemoEngine()
        : this(new EngineOptions { QueueCapacity = 2 })
    {
    }

    internal DemoEngine(EngineOptions options)
        : this(Create(options))
    {
    }

    internal DemoEngine(YueEngine engine)
    {
        Engine = engine;
    }

    public YueEngine Engine { get; }

    public static YueEngine Create(EngineOptions options) => new(Options.Create(options), NullLogger<YueEngine>.Instance);

    /// <summary>A second of sound, quickly made.</summary>
    public static SongRequest OneSecond(long seed = 1) => new() { Lyrics = "[verse]\nla la", MaxNewTokens = 100, Seed = seed };

    /// <summary>A song that would take minutes.</summary>
    public static SongRequest Endless() =>
        new() { Lyrics = string.Concat(Enumerable.Repeat("[verse]\nla\n", 10)), RunNSegments = 0, MaxNewTokens = 10_000 };

    public async ValueTask InitializeAsync()
    {
        await Engine.StartAsync(CancellationToken.None);
        await Engine.Loaded;
    }

    public async ValueTask DisposeAsync()
    {
        await Engine.StopAsync(new CancellationToken(canceled: true));
        Engine.Dispose();
    }

    /// <summary>Submits a song that the engine must take.</summary>
    public Task<SongResult> Submit(SongRequest request, IProgress<SongProgress>? progress = null, CancellationToken cancel = default)
    {
        Assert.Equal(SubmitOutcome.Accepted, Engine.TrySubmit(request, progress, out var song, cancel));
        return song!;
    }

    /// <summary>Submits a song that somebody can listen to while it is made.</summary>
    public Task<SongResult> SubmitHeard(SongRequest request, ISongListener listener, CancellationToken cancel = default)
    {
        Assert.Equal(SubmitOutcome.Accepted, Engine.TrySubmit(request, null, listener, out var song, cancel));
        return song!;
    }
}
