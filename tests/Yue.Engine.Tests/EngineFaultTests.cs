using Xunit;
using Yue.Cuda;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using Yue.Testing;

namespace Yue.Engine.Tests;

/// <summary>Tests how device failures affect songs and the engine. Each failure occurs on the engine's thread, in the middle of a
/// step.</summary>
public sealed class EngineFaultTests
{
    private const int OutOfMemory = 2, IllegalAddress = 700;

    [Fact]
    public async Task Out_of_memory_fails_the_song_and_the_next_one_is_made()
    {
        await using var engine = await StartAsync(new EngineOptions());
        var fault = new Fault(() => throw new CudaException(OutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY", "cuMemAlloc"));

        var error = await Assert.ThrowsAsync<SongException>(() => engine.Submit(DemoEngine.OneSecond(), fault));

        Assert.Contains("CUDA_ERROR_OUT_OF_MEMORY", error.Message, StringComparison.Ordinal);
        Assert.Equal(EngineState.Ready, engine.Engine.Status.State);
        Assert.False(engine.Engine.Lost.IsCompleted);
        Assert.True((await engine.Submit(DemoEngine.OneSecond())).Mix.DurationSeconds > 0);
    }

    [Fact]
    public async Task An_illegal_address_ends_the_engine_and_fails_running_and_waiting_songs()
    {
        await using var engine = await StartAsync(new EngineOptions());
        using var submitted = new ManualResetEventSlim();
        var fault = new Fault(() =>
        {
            submitted.Wait(TestContext.Current.CancellationToken);
            throw new CudaException(IllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS", "cuStreamSynchronize");
        });
        var running = engine.Submit(DemoEngine.OneSecond(), fault);
        var waiting = engine.Submit(DemoEngine.OneSecond());
        submitted.Set();

        await Assert.ThrowsAsync<EngineDeadException>(() => running);
        await Assert.ThrowsAsync<EngineDeadException>(() => waiting);
        Assert.Equal(EngineState.Failed, engine.Engine.Status.State);
        Assert.Contains("CUDA_ERROR_ILLEGAL_ADDRESS", engine.Engine.Status.Failure, StringComparison.Ordinal);
        Assert.Equal(engine.Engine.Status.Failure, await engine.Engine.Lost);
        Assert.False(engine.Engine.TryAdmit(new SongTicket(DemoEngine.OneSecond(), null, CancellationToken.None)));
    }

    [Fact]
    public async Task The_engine_ends_without_waiting_for_a_step_that_does_not_return()
    {
        using var released = new ManualResetEventSlim();
        await using var engine = await StartAsync(new EngineOptions { StepTimeoutSeconds = 1 });

        // Wait until the engine is idle and its watchdog is not running, so that the song has to start the watchdog.
        await Eventually.TrueAsync(() => engine.Engine.Status.InStep == TimeSpan.Zero);

        var running = engine.Submit(DemoEngine.OneSecond(), new Fault(() => released.Wait(CancellationToken.None)));
        var waiting = engine.Submit(DemoEngine.OneSecond());

        var error = await Assert.ThrowsAsync<EngineDeadException>(() => running);
        Assert.Contains("has not returned for 1 s (StepTimeoutSeconds)", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<EngineDeadException>(() => waiting);
        Assert.Equal(EngineState.Failed, engine.Engine.Status.State);
        Assert.Equal(engine.Engine.Status.Failure, await engine.Engine.Lost);
        await engine.Engine.DrainAsync(CancellationToken.None);
        engine.Engine.Dispose();
        released.Set();
    }

    private static async Task<DemoEngine> StartAsync(EngineOptions options)
    {
        var engine = new DemoEngine(options);
        await engine.InitializeAsync();
        return engine;
    }

    /// <summary>Runs an action once, at the first progress report.</summary>
    private sealed class Fault(Action act) : IProgress<SongProgress>
    {
        private bool _done;

        public void Report(SongProgress value)
        {
            if (!_done)
            {
                _done = true;
                act();
            }
        }
    }
}
