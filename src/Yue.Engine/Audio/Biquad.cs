using System.Runtime.InteropServices;

namespace Yue.Engine.Audio;

/// <summary>A second-order filter section with zero initial state (docs/model.md 7.1).</summary>
/// <remarks>
/// The coefficients are computed in float32, as in torchaudio, and divided by a0; the recursion runs in float64.
/// Outputs are clamped to ±1, as torchaudio's <c>lfilter</c> does by default; the recursion uses the values before the clamp.
/// </remarks>
public sealed class Biquad
{
    /// <summary>The quality factor of the splice's filters: 0.707, not 1/√2.</summary>
    public const float DefaultQ = 0.707f;

    private Biquad(float b0, float b1, float b2, float a0, float a1, float a2) =>
        (B0, B1, B2, A1, A2) = (b0 / a0, b1 / a0, b2 / a0, a1 / a0, a2 / a0);

    public float B0 { get; }

    public float B1 { get; }

    public float B2 { get; }

    public float A1 { get; }

    public float A2 { get; }

    /// <summary>Creates a low-pass filter.</summary>
    public static Biquad LowPass(int sampleRateHz, float cutoffHz, float q = DefaultQ)
    {
        var (cos, alpha) = Angle(sampleRateHz, cutoffHz, q);
        return new((1 - cos) / 2, 1 - cos, (1 - cos) / 2, 1 + alpha, -2 * cos, 1 - alpha);
    }

    /// <summary>Creates a high-pass filter.</summary>
    public static Biquad HighPass(int sampleRateHz, float cutoffHz, float q = DefaultQ)
    {
        var (cos, alpha) = Angle(sampleRateHz, cutoffHz, q);
        return new((1 + cos) / 2, -(1 + cos), (1 + cos) / 2, 1 + alpha, -2 * cos, 1 - alpha);
    }

    /// <summary>Filters a whole signal.</summary>
    /// <param name="input">The signal from its first sample.</param>
    /// <param name="output">Has the same length as <paramref name="input"/>; may be the same memory.</param>
    public void Apply(ReadOnlySpan<float> input, Span<float> output)
    {
        if (output.Length != input.Length)
        {
            throw new ArgumentException($"output has {output.Length} samples, expected {input.Length}", nameof(output));
        }

        var filter = Start();
        for (var i = 0; i < input.Length; i++)
        {
            output[i] = filter.Next(input[i]);
        }
    }

    /// <summary>Returns the filter with zero state, for filtering sample by sample.</summary>
    internal Running Start() => new(this);

    private static (float Cos, float Alpha) Angle(int sampleRateHz, float cutoffHz, float q)
    {
        if (!(cutoffHz > 0) || cutoffHz * 2 > sampleRateHz)
        {
            throw new ArgumentOutOfRangeException(
                nameof(cutoffHz), cutoffHz, $"the cutoff must be between 0 and half of {sampleRateHz} Hz");
        }

        var w0 = (float)(2 * Math.PI) * cutoffHz / sampleRateHz;
        return (MathF.Cos(w0), MathF.Sin(w0) / 2 / q);
    }

    /// <summary>A filter with its state. It is a value type, so a copy has an independent state.</summary>
    [StructLayout(LayoutKind.Auto)]
    internal struct Running(Biquad filter)
    {
        private readonly double _b0 = filter.B0, _b1 = filter.B1, _b2 = filter.B2, _a1 = filter.A1, _a2 = filter.A2;
        private double _s1, _s2;

        /// <summary>Returns the next output, clamped to ±1.</summary>
        public float Next(float x)
        {
            // Transposed direct form II.
            var y = (_b0 * x) + _s1;
            _s1 = (_b1 * x) - (_a1 * y) + _s2;
            _s2 = (_b2 * x) - (_a2 * y);
            return (float)Math.Clamp(y, -1, 1);
        }
    }
}
