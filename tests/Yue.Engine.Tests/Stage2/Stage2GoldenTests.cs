using Xunit;
using Yue.Engine.Families.Yue1.Stage2;
using Yue.Engine.Tests.Tokens;
using Yue.Testing;

namespace Yue.Engine.Tests.Stage2;

[Trait("Category", Goldens.Category)]
public sealed class Stage2GoldenTests
{
    private static readonly string Expected = Goldens.PathOf("stage2", "expected.safetensors");

    [Theory]
    [InlineData("one_chunk", 1)]
    [InlineData("one_chunk", 4)]
    [InlineData("two_chunks_and_tail", 1)]
    [InlineData("two_chunks_and_tail", 2)]
    [InlineData("two_chunks_and_tail", 4)]
    [InlineData("under_six_seconds", 1)]
    [InlineData("under_six_seconds", 4)]
    public void Greedy_stage2_codes_equal_the_reference(string name, int rowsTogether)
    {
        using var model = GoldenModels.Load("stage2");
        using var decoder = new TorchStage2Decoder(model, maxRows: 4, Stage2Mask.Reference, rowsTogether);
        var codebook0 = GoldenModels.Expected<int>(Expected, $"{name}.cb0");
        using var song = new Stage2Song(hasVocal: true);
        song.Append(codebook0, codebook0);
        song.Complete();

        for (song.Advance(decoder, maxRows: 4); !song.IsDone; song.Advance(decoder, maxRows: 4))
        {
            decoder.Advance();
        }

        var (vocal, instrumental) = song.TakeFrames();
        var raw = vocal!;
        Assert.Equal(GoldenModels.Expected<int>(Expected, $"{name}.raw_codes"), raw.SelectMany(row => row));
        Assert.Equal(raw, instrumental);
        foreach (var row in raw)
        {
            ReferenceRepair.Apply(row);
        }

        Assert.Equal(GoldenModels.Expected<int>(Expected, $"{name}.codes"), raw.SelectMany(row => row));
    }
}
