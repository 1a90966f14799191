using Xunit;
using Yue.Engine.Songs;
using Yue.Testing;

namespace Yue.Engine.Tests;

/// <summary>Tests the duration of the engine's current step, which the watchdog uses to detect a hung device.</summary>
public sealed class EngineStepTests(DemoEngine demo) : IClassFixture<DemoEngine>
{
    [Fact]
    public async Task The_step_duration_is_positive_during_a_song_and_zero_when_idle()
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
