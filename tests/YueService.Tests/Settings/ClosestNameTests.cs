using CsCheck;
using Xunit;
using YueService.Settings;

namespace YueService.Tests.Settings;

public sealed class ClosestNameTests
{
    private static readonly Gen<string> Names = Gen.String[Gen.Char["abc_"], 0, 12];

    [Theory]
    [InlineData("seed", "seed", 0)]
    [InlineData("sede", "seed", 1)]
    [InlineData("Seed", "seed", 0)]
    [InlineData("sed", "seed", 1)]
    [InlineData("", "seed", 4)]
    [InlineData("topp", "top_p", 1)]
    [InlineData("lyric", "genre", 5)]
    public void The_distance_counts_edits(string left, string right, int distance) =>
        Assert.Equal(distance, ClosestName.Distance(left, right));

    [Theory]
    [InlineData("seeed", "seed")]
    [InlineData("SEED", "seed")]
    [InlineData("max_token", "max_new_tokens")]
    [InlineData("lufs", "loudness_lufs")]
    [InlineData("format", "format")]
    [InlineData("zebra", null)]
    [InlineData("x", null)]
    [InlineData("", null)]
    [InlineData("_", null)]
    [InlineData("lyr", null)]
    [InlineData("temperament", null)]
    public void Only_similar_names_are_suggested(string name, string? closest) => Assert.Equal(
        closest, ClosestName.Of(name, ["seed", "max_new_tokens", "loudness_lufs", "format", "lyrics", "genre", "temperature"]));

    [Fact]
    public void The_distance_is_symmetric_and_zero_only_for_the_same_name() =>
        Gen.Select(Names, Names).Sample((left, right) =>
            ClosestName.Distance(left, right) == ClosestName.Distance(right, left)
            && (ClosestName.Distance(left, right) == 0) == (left == right)
            && ClosestName.Distance(left, right) <= Math.Max(left.Length, right.Length));

    [Fact]
    public void One_edit_is_a_distance_of_one() =>
        Gen.Select(Names, Gen.Int[0, 12], Gen.Char["xyz"]).Sample((name, at, letter) =>
            ClosestName.Distance(name, name.Insert(Math.Min(at, name.Length), letter.ToString())) == 1);
}
