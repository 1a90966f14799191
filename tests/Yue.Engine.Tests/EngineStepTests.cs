using Xunit;

namespace Yue.Engine.Tests;

/// <summary>How long the engine's step has taken, from which a watchdog tells a hung device.</summary>
public sealed class EngineStepTests(DemoEngine demo) : IClassFixture<DemoEngine>
{
    [Fact]
    public async Task A_step_has_a_length_while_a_song_is_made_and_none_while_the_engine_waits()
    {
        var longest = TimeSpan.Zero;
        var song = demo.Submit(DemoEngine.OneSecond(), new Look(() => longest = demo.Engine.Status.InStep is var now && now > longest ? now : longest));
        await song.WaitAsync(TestContext.Current.CancellationToken);
        Assert.InRange(longest, TimeSpan.FromTicks(1), TimeSpan.FromMinutes(1));
        for (var tries = 0; tries < 500 && demo.Engine.Status.InStep != TimeSpan.Zero; tries++)
        {
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }

        Assert.Equal(TimeSpan.Zero, demo.Engine.Status.InStep);
    }

    /// <summary>Looks on the engine's thread, in the middle of a step.</summary>
    private sealed class Look(Action look) : IProgress<SongProgress>
    {
        public void Report(SongProgress value) => look();
    }
}
