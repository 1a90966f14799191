using Xunit;
using Yue.Engine.Songs;

namespace Yue.Engine.Tests;

/// <summary>Songs that somebody listens to while they are made.</summary>
public sealed class EarlySoundTests(DemoEngine demo) : IClassFixture<DemoEngine>
{
    [Fact]
    public async Task A_song_is_the_same_with_and_without_a_listener()
    {
        var request = ThreeSections() with { Output = new OutputSettings { Stems = true } };
        var alone = await demo.Submit(request);
        var heard = await demo.SubmitHeard(request, new Listener());

        Assert.True(alone.Codes.Frames > 860);
        Assert.Equal(alone.Mix.Samples, heard.Mix.Samples);
        Assert.Equal(alone.Vocal!.Samples, heard.Vocal!.Samples);
        Assert.Equal(alone.Instrumental!.Samples, heard.Instrumental!.Samples);
        Assert.Equal(alone.Warnings, heard.Warnings);
    }

    [Fact]
    public async Task A_listener_that_comes_late_and_goes_early_does_not_change_the_song()
    {
        var alone = await demo.Submit(ThreeSections());
        var asked = 0;
        var heard = await demo.SubmitHeard(ThreeSections(), new Listener(() => ++asked is > 800 and < 1200));
        Assert.True(asked > 1200);
        Assert.Equal(alone.Mix.Samples, heard.Mix.Samples);
    }

    private static SongRequest ThreeSections() =>
        new() { Lyrics = "[verse]\nla la\n[chorus]\nlo lo\n[outro]\nla", RunNSegments = 3, TargetSeconds = [6.5, 6.7, 6.5], Seed = 3 };

    private sealed class Listener(Func<bool>? isListening = null) : ISongListener
    {
        public bool IsListening => isListening?.Invoke() ?? true;
    }
}
