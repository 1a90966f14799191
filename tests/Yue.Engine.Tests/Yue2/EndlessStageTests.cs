using System.Globalization;
using Xunit;
using Yue.Engine.Families.Yue2;
using Yue.Engine.Families.Yue2.Stages;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using Yue.Testing;
using static Yue.Engine.Tests.Yue2.Yue2Requests;

namespace Yue.Engine.Tests.Yue2;

/// <summary>Tests songs without a target length whose model never writes the end of a stage (docs/model-yue2.md 5.1).</summary>
[Trait("Category", Yue2Goldens.Category)]
public sealed class EndlessStageTests : IAsyncLifetime
{
    private const int Context = 400;
    private const int FrameSamples = 1920;
    private const int EdgeSamples = 64;         // the number of samples missing at the end of a song
    private const int MarksAfterScore = 2;
    private const string CutMusic = "the song was cut at its limit: the last ";

    private readonly DemoEngine _engine = Changed(
        Options(new EngineOptions { Device = "cpu", ContextTokens = Context }),
        model => model with { Decoder = new EndlessDecoder(model.Decoder) });

    public ValueTask InitializeAsync() => _engine.InitializeAsync();

    public ValueTask DisposeAsync() => _engine.DisposeAsync();

    [Theory]
    [InlineData(ScorePlan.Full)]
    [InlineData(ScorePlan.Off)]
    public async Task The_music_fills_the_context_and_fades_out(ScorePlan plan)
    {
        var request = (plan == ScorePlan.Off ? Unplanned() : Given()) with { TargetSeconds = null };
        var song = await _engine.Submit(request);
        Assert.Equal(SamplesOf(Context - PromptTokens(request)), song.Mix.Length);
        Assert.All(song.Mix.Samples[^2..], sample => Assert.Equal(0, sample));
        Assert.StartsWith(CutMusic, Assert.Single(Cuts(song)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_score_leaves_room_for_the_shortest_music()
    {
        var request = OneSecond() with { TargetSeconds = null };
        var song = await _engine.Submit(request);
        Assert.False(string.IsNullOrEmpty(song.Score));
        Assert.Equal(SamplesOf(StageSampling.Music.MinTokens), song.Mix.Length);
        Assert.Collection(
            Cuts(song),
            warning => Assert.Equal(CutScore(Context - PromptTokens(request) - MarksAfterScore - StageSampling.Music.MinTokens), warning),
            warning => Assert.StartsWith(CutMusic, warning, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_score_alone_fills_the_context()
    {
        var request = OneSecond() with { TargetSeconds = null, Scope = SongScope.Score };
        var song = await _engine.Submit(request);
        Assert.False(string.IsNullOrEmpty(song.Score));
        Assert.Empty(song.Mix.Samples);
        Assert.Equal(CutScore(Context - PromptTokens(request) - MarksAfterScore), Assert.Single(Cuts(song)));
    }

    [Fact]
    public void A_whole_context_has_room_for_the_maximum_of_each_stage()
    {
        const int WholeContext = 24_576;
        var (music, score) = (Script(Given()).Music(written: null).Order, Script(OneSecond()).Score());
        Assert.Equal((9000, 4096), (music.Sampling.MaxTokens, score.Sampling.MaxTokens));
        Assert.Null(music.FaultOf(WholeContext));

        static SongScript Script(SongRequest request) => new(request with { TargetSeconds = null }, Yue2Tokenizer.Real, WholeContext);
    }

    private static int SamplesOf(int frames) => (frames * FrameSamples) - EdgeSamples;

    private static string[] Cuts(SongResult song) =>
        [.. song.Warnings.Where(warning => warning.Contains("was cut at its limit", StringComparison.Ordinal))];

    private static string CutScore(int tokens) => string.Create(
        CultureInfo.InvariantCulture, $"the score was cut at its limit of {tokens} tokens, and is used as it is");

    private int PromptTokens(SongRequest request) => _engine.Engine.Measure(request)!.PromptTokens;
}
