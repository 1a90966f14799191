using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Xunit;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;

namespace Yue.Engine.Tests;

/// <summary>An engine with the demo model, loaded once for all tests of a class.</summary>
public sealed class DemoEngine : IAsyncLifetime
{
    public DemoEngine()
        : this(new EngineOptions())
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

    /// <summary>Returns a quick request for a second of sound.</summary>
    public static SongRequest OneSecond(long seed = 1) => new() { Lyrics = "[verse]\nla la", MaxNewTokens = 100, Seed = seed };

    /// <summary>Returns a request for a song that would take minutes.</summary>
    public static SongRequest Endless() =>
        new() { Lyrics = string.Concat(Enumerable.Repeat("[verse]\nla\n", 10)), RunNSegments = 0, MaxNewTokens = 10_000 };

    public async ValueTask InitializeAsync()
    {
        Engine.Start();
        await Engine.Loaded;
    }

    public async ValueTask DisposeAsync()
    {
        await Engine.DrainAsync(new CancellationToken(canceled: true));
        Engine.Dispose();
    }

    /// <summary>Makes a song as soon as the engine has a free slot.</summary>
    public Task<SongResult> Submit(SongRequest request, IProgress<SongProgress>? progress = null, CancellationToken cancel = default) =>
        SingAsync(Engine, request, progress, null, cancel);

    /// <inheritdoc cref="Submit"/>
    public static async Task<SongResult> SingAsync(
        ISongEngine engine,
        SongRequest request,
        IProgress<SongProgress>? progress = null,
        ISongListener? listener = null,
        CancellationToken cancel = default)
    {
        var ticket = new SongTicket(request, progress, cancel) { Listener = listener };
        do
        {
            await engine.WhenRoomAsync(cancel);
        }
        while (!engine.TryAdmit(ticket));
        return await ticket.Result;
    }

    /// <summary>Makes a song with a listener that hears it while it is being made.</summary>
    public Task<SongResult> SubmitHeard(SongRequest request, ISongListener listener, CancellationToken cancel = default) =>
        SingAsync(Engine, request, null, listener, cancel);
}
