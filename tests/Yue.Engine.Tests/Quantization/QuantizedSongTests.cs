using System.Globalization;
using Microsoft.Extensions.Options;
using Xunit;
using Yue.Engine.Families.Yue1.Calibration;
using Yue.Engine.Families.Yue1.Demo;
using Yue.Engine.Families.Yue1.Stage2;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Llama;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Quantization;

/// <summary>Tests songs that the demo model sings with quantized checkpoints.</summary>
public sealed class QuantizedSongTests(ITestOutputHelper output) : IDisposable
{
    private static readonly SongRequest Request = new() { Lyrics = "[verse]\nla la", MaxNewTokens = 1_000, Seed = 11 };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <remarks>The bounds, which docs/quantization.md explains, apply to the RMS error of the logits for the song's codes, relative to the
    /// standard deviation of these logits.</remarks>
    [Theory]
    [InlineData(4, 1, 0.02, 0.2)]
    [InlineData(6, 0, 0.004, 0.06)]
    public async Task A_quantized_demo_model_sings_and_its_logits_are_close_to_the_originals(
        int bits, int songs, double minError, double maxError)
    {
        var (stage1, stage2) = QuantizedDemo.Make(_folder.Path, bits, songs);
        AssertRecord(stage1, bits, songs);
        AssertRecord(stage2, bits, songs);
        var song = await SingAsync(stage1, stage2);
        Assert.Equal(SectionEnd.EndOfAudio, Assert.Single(song.Sections).Ended);
        Assert.InRange(song.Mix.DurationSeconds, 1, 9);
        Assert.All(song.Mix.Samples, sample => Assert.InRange(sample, -1, 1));
        Assert.InRange(song.Mix.Samples.Max(Math.Abs), 0.01, 1);

        using var device = new CalibrationDevice("cpu", "");
        var section = song.Codes.Sections[0];
        var ids = IdsOf(section);
        var refined = new CalibrationSongs(device, 0, TestContext.Current.CancellationToken)
            .Stage2(stage2, [new CalibrationSong(ids, new TrackCodes(section.Vocal, section.Instrumental))], (_, _) => { });
        double[] errors =
        [
            ErrorOf(stage1, DemoModel.Folders.Stage1, ids, TokenMap.CodebookStart(0), TokenMap.CodebookStart(1)),
            ErrorOf(stage2, DemoModel.Folders.Stage2, refined[0], CudaStage2Decoder.ScoredIds.Low, CudaStage2Decoder.ScoredIds.High),
        ];
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"int{bits}: RMS errors {errors[0]:P2} and {errors[1]:P2}"));
        Assert.All(errors, error => Assert.InRange(error, minError, maxError));
    }

    private static async Task<SongResult> SingAsync(string stage1, string stage2)
    {
        var (cancel, log) = (TestContext.Current.CancellationToken, new WarningLog());
        using var engine = new YueEngine(Options.Create(QuantizedDemo.Settings(stage1, stage2)), log);
        engine.Start();
        await engine.Loaded;
        Assert.Empty(log.Warnings);
        var song = await DemoEngine.SingAsync(engine, Request, cancel: cancel);
        await engine.DrainAsync(cancel);
        return song;
    }

    private static void AssertRecord(string folder, int bits, int songs)
    {
        var record = QuantizationRecord.TryRead(folder)!;
        Assert.Equal((bits, songs), (record.Bits, record.Calibration?.Songs ?? 0));
        Assert.Equal(record.Type, LlamaConfig.Load(folder).QuantizedType);
    }

    /// <summary>Returns the stage-1 ids of a section, including its prompt.</summary>
    private static int[] IdsOf(SectionCodes section)
    {
        var prompts = new PromptBuilder(YueTokenizer.Load(Path.Combine(DemoModel.Folders.Stage1, "tokenizer.model")));
        return [.. prompts.Build(Request.Genre, LyricsParser.Parse(Request.Lyrics).Sections).Sections[0], .. section.ToIds()];
    }

    /// <summary>Returns the RMS error of the logits for a range of ids, relative to their standard deviation, at the positions that precede
    /// ids in that range.</summary>
    private static double ErrorOf(string quantized, string original, int[] ids, int first, int end)
    {
        using var scope = NewDisposeScope();
        long[] positions = [.. Enumerable.Range(0, ids.Length - 1).Where(i => ids[i + 1] >= first && ids[i + 1] < end)];
        Tensor Scores(string folder)
        {
            using var model = LlamaLoader.Load(LlamaConfig.Load(folder), folder, CPU, gpu: null, DeviceParts.All, _ => { });
            using var cache = model.NewCache(rows: 1, ids.Length);
            using var states = model.Forward(tensor(Array.ConvertAll(ids, id => (long)id)).unsqueeze(0), cache, ..1);
            return model.Logits(states.squeeze(0).index_select(0, tensor(positions)), first, end - first);
        }

        return RoundingTests.ErrorOf(Scores(quantized), Scores(original));
    }
}
