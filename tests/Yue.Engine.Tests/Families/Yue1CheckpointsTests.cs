using Xunit;
using Yue.Engine.Families.Yue1;

namespace Yue.Engine.Tests.Families;

public sealed class Yue1CheckpointsTests
{
    [Theory]
    [InlineData("en-cot", "/models/a", true)]
    [InlineData("en-cot+mine", "/models/a", true)]
    [InlineData("a", "/models/YuE-s1-7B-anneal-en-cot/", true)]
    [InlineData("a", "/models/YuE-s1-7B-anneal-en-cot-int4", true)]
    [InlineData("a", "/models/YuE-s1-7B-anneal-en-cot+mine-int6", true)]
    [InlineData("a", "/models/YuE-s1-7B-anneal-en-icl-int4", false)]
    [InlineData("a", "/models-cot/a", false)]
    [InlineData("a", "/models-cot+b/a", false)]
    [InlineData("cotton", "/models/a", false)]
    public void A_checkpoint_for_lyrics_only_is_recognized_by_its_name(string name, string folder, bool isLyricsOnly) =>
        Assert.Equal(isLyricsOnly, new Yue1Checkpoints([new(name, folder)], "stage2", "codec").IsLyricsOnly(0));
}
