using System.Globalization;
using Xunit;
using Yue.Cuda.Decode;
using Yue.Engine.Llama;
using Yue.Engine.Quantization;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Quantization;

/// <summary>Tests bounds on the errors that int6 and int4 weights cause in the logits of a random block with the size of stage 2.</summary>
/// <remarks>The inputs are correlated like those of trained models: the variance along the i-th random direction is proportional to i^-1.5.
/// The inputs are as small as random embeddings, so the block's output dominates the logits, and the errors of all its products add up.
/// With uncorrelated inputs, calibration would have no effect.</remarks>
public sealed class FullSizeLayerTests(ITestOutputHelper output)
{
    private const int CalibrationTokens = 2_048;
    private const int SequenceTokens = 512;
    private const int HeadRows = 512;
    private const float Deviation = 0.02f;
    private const float SpectrumPower = -0.75f;
    private static readonly LlamaConfig Config = TestLlama.FullSizeStage2 with { Layers = 1, MaxPositions = SequenceTokens };

    [Theory]
    [InlineData(WeightType.Int6, 0.03, 0.08)]
    [InlineData(WeightType.Int4, 0.12, 0.30)]
    public void Rounded_weights_change_the_logits_by_less_than_the_bounds(WeightType type, double calibratedBound, double plainBound)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var rope = new Rope(Config.HeadSize, Config.RopeTheta, SequenceTokens, CPU);
        using var generator = new Generator(7);
        var directions = Directions(generator);
        var inputs = Inputs(directions, generator);
        var exact = Logits(inputs, NewLayer(), rope);

        var plain = RoundingTests.ErrorOf(Logits(inputs, Plain(type), rope), exact);
        var layer = NewLayer();
        using var calibration = new LayerCalibration(Config, rope);
        for (var i = 0; i < CalibrationTokens / SequenceTokens; i++)
        {
            calibration.Add(Inputs(directions, generator));
        }

        calibration.Round(layer, type, TestContext.Current.CancellationToken).Dispose();
        var calibrated = RoundingTests.ErrorOf(Logits(inputs, layer, rope), exact);

        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{type}: RMS error relative to the standard deviation: {plain:P2} plain, {calibrated:P2} calibrated"));
        Assert.InRange(calibrated, 0, calibratedBound);
        Assert.InRange(plain, calibrated, plainBound);
    }

    private static LlamaLayerWeights Plain(WeightType type)
    {
        var layer = NewLayer();
        foreach (var matrix in new[] { layer.Qkv, layer.Output, layer.GateUp, layer.Down })
        {
            using var rounded = PlainRounding.Round(matrix.Values, type, terms: 1);
            matrix.Values.copy_(rounded.Values);
        }

        return layer;
    }

    private static LlamaLayerWeights NewLayer() => LlamaLayerWeights.Load(
        Config, new RandomWeights(5, Deviation, ScalarType.Float32, CPU), "model.layers.0.", BlockNames.Llama);

    /// <summary>Returns random directions, scaled so that the values of random sums of them have a variance of one.</summary>
    private static Tensor Directions(Generator generator)
    {
        var sizes = arange(1, Config.HiddenSize + 1, ScalarType.Float32).pow(SpectrumPower);
        return sizes.unsqueeze(1) * randn([Config.HiddenSize, Config.HiddenSize], generator: generator) / sizes.norm();
    }

    private static Tensor Inputs(Tensor directions, Generator generator) =>
        randn([SequenceTokens, Config.HiddenSize], generator: generator).matmul(directions) * Deviation;

    private static Tensor Logits(Tensor inputs, LlamaLayerWeights layer, Rope rope)
    {
        using var run = new LayerCalibration(Config, rope);
        run.Add(inputs);
        run.Run(layer, TestContext.Current.CancellationToken);
        layer.Dispose();
        using var generator = new Generator(11);
        var head = randn([HeadRows, Config.HiddenSize], generator: generator);
        return LlamaBlock.RmsNorm(run.States(), ones(Config.HiddenSize), Config.RmsNormEpsilon).matmul(head.t());
    }
}
