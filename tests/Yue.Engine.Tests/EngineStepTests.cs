using Xunit;
using Yue.Engine.Songs;
using Yue.Testing;

namespace Yue.Engine.Tests;

/// <summary>Tests the time of the engine's current step, from which the watchdog detects a hung device.</summary>
public sealed class EngineStepTests(DemoEngine demo) : IClassFixture<DemoEngine>
{
    [Fact]
    public async Task A_step_has_a_length_while_a_song_is_made_and_none_while_the_engine_waits()
    {
        var longest = TimeSpan.Zero;
        var song = demo.Submit(
            DemoEngine.OneSecond(), new Observer(() => longest = demo.Engine.Status.InStep is var now && now > longest ? now : longest));
        await song.InTime();
        Assert.True(longest > TimeSpan.Zero);
        await Eventually.TrueAsync(() => demo.Engine.Status.InStep == TimeSpan.Zero);
    }

    /// <summary>Reads the status on the engine's thread in the middle of a step.</summary>
    private sealed class Observer(Action observe) : IProgress<SongProgress>
    {
        public void Report(SongProgress value) => observe();
    }
}
