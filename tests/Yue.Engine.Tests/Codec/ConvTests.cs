using Xunit;
using Yue.Engine.Layers;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Codec;

public sealed class ConvTests
{
    [Theory]
    [InlineData(24, 16, 7, 3000)]
    [InlineData(246, 112, 7, 130)]      // the demo vocoders' first convolution
    public void A_convolution_does_not_depend_on_memory_that_was_freed_before(int inputs, int outputs, int kernel, int length)
    {
        using var scope = NewDisposeScope();
        var conv = Conv.Plain(new RandomWeights(1, 0.1, ScalarType.Float32, CPU), "conv", inputs, outputs, kernel);
        var x = randn([1, inputs, length], generator: new Generator(2));
        var expected = GoldenCodec.Samples(conv.Forward(x).reshape(1, -1));

        for (var run = 0; run < 20; run++)
        {
            FillFreedMemoryWithNaN(inputs, outputs, kernel, length);
            Assert.Equal(expected, GoldenCodec.Samples(conv.Forward(x).reshape(1, -1)));
        }
    }

    [Fact]
    public void Padding_the_input_channels_does_not_change_the_output()
    {
        using var scope = NewDisposeScope();
        var source = new RandomWeights(1, 0.1, ScalarType.Float32, CPU);
        var conv = Conv.Plain(source, "conv", 24, 16, 7);
        var weight = new RandomWeights(1, 0.1, ScalarType.Float32, CPU).Read("conv.weight", 16, 24, 7);
        var x = randn([1, 24, 40], generator: new Generator(2));

        var expected = nn.functional.conv1d(x.to(float64), weight.to(float64), ones([16], float64), padding: 3).to(float32);

        TensorAssert.Close(expected, conv.Forward(x), 1e-5, "conv");
    }

    /// <summary>Allocates buffers of the sizes that a convolution needs, fills them with NaN and frees them, so that the convolution's
    /// buffers contain NaN at first.</summary>
    private static void FillFreedMemoryWithNaN(long inputs, long outputs, long kernel, long length)
    {
        var paddedInputs = (inputs + 15) / 16 * 16;
        foreach (var size in (long[])[paddedInputs * length, outputs * length, paddedInputs * outputs * kernel])
        {
            using var buffer = full([size], float.NaN);
        }
    }
}
