using Xunit;
using Yue.Engine.Families.Yue1.SelfCheck;

namespace Yue.Engine.Tests.SelfCheck;

public sealed class RecipeClipTests
{
    private static readonly PublishedFigures Figures = PublishedFigures.OfRealWeights();

    [Fact]
    public void The_recipe_clips_have_the_published_hashes()
    {
        Assert.Equal(Figures.DualClip.VocalSha256, RecipeClips.Sha256(RecipeClips.Vocal48()));
        Assert.Equal(Figures.DualClip.InstrumentalSha256, RecipeClips.Sha256(RecipeClips.Instrumental48()));
    }

    [Fact]
    public void The_clips_have_the_published_lengths_and_stay_below_full_scale()
    {
        var (left, right) = RecipeClips.Stereo44();
        Assert.Equal((177_634, 177_634), (left.Length, right.Length));
        Assert.All(
            new[] { RecipeClips.Floats(left), RecipeClips.Floats(right), RecipeClips.DecodeSingle() },
            clip => Assert.InRange(clip.Max(Math.Abs), 0.3f, 0.999f));
        Assert.All(
            new[] { RecipeClips.DecodeVocal(), RecipeClips.DecodeInstrumental(), RecipeClips.DecodeSingle() },
            clip => Assert.Equal(16_000, clip.Length));
    }

    [Fact]
    public void The_published_figures_are_complete()
    {
        Assert.Equal([8, 8], new[] { Figures.Stage2Whole, Figures.Stage2Part }.Select(figure => figure.Codebooks.Length));
        Assert.All(Figures.Stage2Whole.Codebooks, row => Assert.Equal(40, row.Length));
        Assert.Equal((150, 150, 151), (Figures.SingleClip.Ids.Length, Figures.DualClip.Ids.Length, Figures.DualClip.Frames));
        Assert.Equal(63, Figures.Tokenizer.Head.Length);
        Assert.Equal(4, Figures.Tokenizer.Texts.Keys.Count(text => text.StartsWith('[')));
        Assert.Equal((1.2057174f, 0.5935089f), (Figures.Peaks.Vocal16, Figures.Peaks.FinalRescaled));
    }
}
