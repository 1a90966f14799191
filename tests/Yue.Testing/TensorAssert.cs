using System.Globalization;
using Xunit;
using static TorchSharp.torch;

namespace Yue.Testing;

/// <summary>Compares tensors and sample arrays.</summary>
public static class TensorAssert
{
    /// <summary>Fails unless the shapes are equal, every value is finite and none differs by more than the tolerance.</summary>
    public static void Close(Tensor expected, Tensor actual, double tolerance, string what = "tensor")
    {
        Assert.True(expected.shape.SequenceEqual(actual.shape),
            $"{what}: shape [{string.Join(", ", actual.shape)}], expected [{string.Join(", ", expected.shape)}]");
        Close(Floats(expected), Floats(actual), tolerance, what);
    }

    /// <summary>Fails unless the lengths are equal, every value is finite and none differs by more than the tolerance.</summary>
    public static void Close(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double tolerance, string what = "values")
    {
        Assert.True(expected.Length == actual.Length, $"{what}: {actual.Length} values, expected {expected.Length}");
        double worst = 0, dot = 0, expectedNorm = 0, actualNorm = 0;
        var at = 0;
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.True(float.IsFinite(actual[i]), $"{what}: value {i} is {actual[i]}");
            Assert.True(float.IsFinite(expected[i]), $"{what}: expected value {i} is {expected[i]}");
            var error = Math.Abs((double)expected[i] - actual[i]);
            if (error > worst)
            {
                (worst, at) = (error, i);
            }

            dot += (double)expected[i] * actual[i];
            expectedNorm += (double)expected[i] * expected[i];
            actualNorm += (double)actual[i] * actual[i];
        }

        var cosine = expectedNorm * actualNorm > 0 ? dot / Math.Sqrt(expectedNorm * actualNorm) : 1;
        Assert.True(worst <= tolerance, string.Create(CultureInfo.InvariantCulture,
            $"{what}: error {worst:G4} at {at} ({actual[at]:G7}, expected {expected[at]:G7}), "
                + $"tolerance {tolerance:G4}, cosine {cosine:F7}"));
    }

    /// <summary>Compares like <see cref="Close(ReadOnlySpan{float}, ReadOnlySpan{float}, double, string)"/>, with a tolerance relative to
    /// the expected peak.</summary>
    public static void CloseToPeak(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double fraction, string what = "waveform")
    {
        var peak = 0f;
        foreach (var value in expected)
        {
            peak = Math.Max(peak, Math.Abs(value));
        }

        Close(expected, actual, fraction * peak, what);
    }

    private static float[] Floats(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        return tensor.to(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();
    }
}
