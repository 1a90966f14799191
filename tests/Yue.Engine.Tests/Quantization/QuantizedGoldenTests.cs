using System.Globalization;
using Xunit;
using Yue.Engine.Llama;
using Yue.Engine.Quantization;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Quantization;

/// <summary>Tests that quantized weights change the golden models' logits by no more than given bounds, compared with float32.</summary>
[Trait("Category", Goldens.Category)]
public sealed class QuantizedGoldenTests(ITestOutputHelper output) : IDisposable
{
    private const int Positions = 256;
    private const int CalibrationSequences = 8;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("stage1", 6, 0.06)]
    [InlineData("stage1", 4, 0.32)]
    [InlineData("stage2", 6, 0.06)]
    [InlineData("stage2", 4, 0.32)]
    public void Logits_are_close_to_float32(string stage, int bits, double bound)
    {
        using var scope = NewDisposeScope();
        using var exact = GoldenModels.Load(stage);
        var random = new Random(3);
        int[][] sequences =
        [
            .. Enumerable.Range(0, CalibrationSequences)
                .Select(_ => Enumerable.Range(0, Positions).Select(_ => random.Next(exact.Config.VocabularySize)).ToArray()),
        ];
        int[] ids = [.. Enumerable.Range(0, Positions).Select(_ => random.Next(exact.Config.VocabularySize))];
        var expected = Logits(exact, ids);
        var (plain, calibrated) = (
            RoundingTests.ErrorOf(Logits(stage, bits, [], ids), expected),
            RoundingTests.ErrorOf(Logits(stage, bits, sequences, ids), expected));
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{stage}, int{bits}: RMS error relative to the standard deviation: {plain:P2} plain, {calibrated:P2} calibrated"));
        Assert.InRange(plain, 0, bound);
        Assert.InRange(calibrated, 0, bound);
    }

    private static Tensor Logits(LlamaModel model, int[] ids)
    {
        using var cache = model.NewCache(rows: 1, ids.Length);
        var input = tensor(Array.ConvertAll(ids, id => (long)id)).unsqueeze(0);
        return model.Logits(model.Forward(input, cache, ..1), 0, model.Config.VocabularySize);
    }

    /// <summary>Quantizes a golden checkpoint and returns its logits.</summary>
    private Tensor Logits(string stage, int bits, int[][] sequences, int[] ids)
    {
        var (source, target) = (Goldens.PathOf(stage), _folder[$"{sequences.Length}"]);
        var record = TestRecord.Of(bits);
        using var folder = QuantizedFolder.Open(target, record);
        using var stored = SafetensorsCheckpoint.Open(source);
        var quantizer = new CheckpointQuantizer(
            LlamaConfig.Load(source), new CheckpointTensors(stored, ScalarType.Float32), stored, folder, record);
        quantizer.Run(sequences, _ => { }, TestContext.Current.CancellationToken);
        folder.Complete(source, quantizer.Shards, record);
        using var model = LlamaLoader.Load(LlamaConfig.Load(target), target, CPU, gpu: null, DeviceParts.All, _ => { });
        return Logits(model, ids);
    }
}
