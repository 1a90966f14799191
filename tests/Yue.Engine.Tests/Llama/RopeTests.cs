using Xunit;
using Yue.Cuda.Decode;
using Yue.Engine.Llama;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Llama;

public sealed class RopeTests
{
    /// <summary>The frequencies 1.0 / (10000 ** (arange(0, 128, 2).float() / 128)) in PyTorch. If they were rounded once instead of twice,
    /// the last bit of all but the first would differ.</summary>
    [Theory]
    [InlineData(0, 0x3f800000u)]
    [InlineData(7, 0x3ebaf81bu)]
    [InlineData(10, 0x3e72d423u)]
    [InlineData(18, 0x3d99940du)]
    [InlineData(24, 0x3d0186e3u)]
    public void Frequencies_have_the_bits_of_the_reference(int j, uint bits) =>
        Assert.Equal(bits, BitConverter.SingleToUInt32Bits(RopeTable.Frequency(10_000, 128, j)));

    [Fact]
    public void Tables_are_exact_at_every_position()
    {
        const int Context = 16_384;
        using var rope = new Rope(128, 10_000, Context, CPU);
        using var positions = arange(Context).unsqueeze(0);
        var (cos, sin) = rope.At(positions);
        using (cos)
        using (sin)
        {
            var (c, s) = (cos.data<float>(), sin.data<float>());
            for (var i = 0; i < Context * 64; i++)
            {
                double angle = i / 64 * RopeTable.Frequency(10_000, 128, i % 64);
                Assert.Equal(Math.Cos(angle), c[i], 1e-7);
                Assert.Equal(Math.Sin(angle), s[i], 1e-7);
            }
        }
    }
}
