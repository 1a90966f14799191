using System.Numerics;

namespace Yue.Engine.Audio;

/// <summary>Changes the sample rate with a windowed sinc, as torchaudio's <c>Resample</c> does (docs/model.md 7.2).</summary>
/// <remarks>
/// With g = gcd of the rates, o = from/g and n = to/g, output f·n + j, which has phase j in frame f, is the dot product of the kernel of
/// phase j with the input from sample f·o − width on. A kernel spans <see cref="Taps"/> inputs, but its window may be zero on most of them:
/// only the part inside the window is kept and summed; the omitted terms are exactly zero. Immutable: one instance serves any number of
/// threads.
/// </remarks>
public sealed class Resampler
{
    private const int ZeroCrossings = 6;
    private const double Rolloff = 0.99;
    private const int MaxRateHz = 1_000_000;

    private readonly float[] _kernels;
    private readonly int[] _firstTap;
    private readonly int _support;

    /// <summary>Computes the kernels for a pair of rates between 1 Hz and 1 MHz.</summary>
    public Resampler(int fromHz, int toHz)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(fromHz);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(toHz);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(fromHz, MaxRateHz);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(toHz, MaxRateHz);
        (FromHz, ToHz) = (fromHz, toHz);
        var divisor = (int)BigInteger.GreatestCommonDivisor(fromHz, toHz);
        (InputStep, Phases) = (fromHz / divisor, toHz / divisor);
        var cutoff = Rolloff * Math.Min(InputStep, Phases);
        Width = (int)Math.Ceiling(ZeroCrossings * InputStep / cutoff);

        // |t| < 6 spans 12 · o / cutoff taps, here rounded down; two more cover both ends.
        _support = (int)(2 * ZeroCrossings * InputStep / cutoff) + 2;
        _kernels = new float[Phases * _support];
        _firstTap = new int[Phases];
        for (var phase = 0; phase < Phases; phase++)
        {
            // The reference computes the phase in float32 and the rest in float64.
            double offset = (float)-phase / Phases;
            var first = (int)Math.Floor(((-ZeroCrossings / cutoff) - offset) * InputStep) + Width;
            _firstTap[phase] = Math.Clamp(first, 0, Taps - _support);
            for (var i = 0; i < _support; i++)
            {
                var tap = _firstTap[phase] + i;
                var t = Math.Clamp((offset + ((double)(tap - Width) / InputStep)) * cutoff, -ZeroCrossings, ZeroCrossings);
                var window = Math.Cos(Math.PI * t / (2 * ZeroCrossings));
                var sinc = t == 0 ? 1 : Math.Sin(Math.PI * t) / (Math.PI * t);
                _kernels[(phase * _support) + i] = (float)(sinc * window * window * cutoff / InputStep);
            }
        }
    }

    /// <summary>The rate of the input.</summary>
    public int FromHz { get; }

    /// <summary>The rate of the output.</summary>
    public int ToHz { get; }

    /// <summary>The number of zeros before the input: half the width of the kernel at the input's rate.</summary>
    public int Width { get; }

    /// <summary>The number of inputs of a kernel, including those with weight zero.</summary>
    public int Taps => (2 * Width) + InputStep;

    /// <summary>The number of inputs by which each frame of <see cref="Phases"/> outputs advances.</summary>
    public int InputStep { get; }

    /// <summary>The number of outputs per frame.</summary>
    public int Phases { get; }

    /// <summary>Returns the number of outputs for the given number of inputs: ceil(n · inputs / o).</summary>
    public int OutputLength(int inputs) => checked((int)((((long)inputs * Phases) + InputStep - 1) / InputStep));

    /// <summary>Returns the number of outputs that do not depend on anything after the first <paramref name="inputs"/> inputs.</summary>
    public int FinalOutputs(int inputs) =>
        FromHz == ToHz ? inputs : checked(Math.Max(0, (inputs - Width) / InputStep) * Phases);

    /// <summary>Returns the input at the new rate, with zeros assumed before and after it.</summary>
    public float[] Apply(ReadOnlySpan<float> input)
    {
        var output = new float[OutputLength(input.Length)];
        Apply(input, 0, output);
        return output;
    }

    /// <summary>Computes outputs, starting with number <paramref name="first"/>, with zeros assumed before and after the input.</summary>
    /// <param name="input">The input from its first sample.</param>
    /// <param name="first">The number of the first output, from 0.</param>
    /// <param name="output">Receives as many outputs as it has room for.</param>
    public void Apply(ReadOnlySpan<float> input, int first, Span<float> output)
    {
        if (FromHz == ToHz)
        {
            input.Slice(first, output.Length).CopyTo(output);
            return;
        }

        var (frame, phase) = Math.DivRem(first, Phases);
        var frameStart = ((long)frame * InputStep) - Width;
        for (var i = 0; i < output.Length; frameStart += InputStep, phase = 0)
        {
            for (; phase < Phases && i < output.Length; phase++, i++)
            {
                // Only the taps that overlap the input are summed; the others would be multiplied by the zeros around the input.
                var at = frameStart + _firstTap[phase];
                var skip = (int)Math.Clamp(-at, 0, _support);
                var end = (int)Math.Clamp(input.Length - at, skip, _support);
                var kernel = _kernels.AsSpan((phase * _support) + skip, end - skip);
                output[i] = end > skip ? Dot(kernel, input.Slice((int)(at + skip), kernel.Length)) : 0;
            }
        }
    }

    /// <summary>Returns a mono clip at another rate.</summary>
    public static AudioClip Resample(AudioClip clip, int toHz)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(clip.Channels, 1, nameof(clip));
        return clip.SampleRateHz == toHz ? clip : new AudioClip(new Resampler(clip.SampleRateHz, toHz).Apply(clip.Samples), toHz);
    }

    private static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var sum = 0f;
        var i = 0;
        if (a.Length >= Vector<float>.Count)
        {
            var lanes = Vector<float>.Zero;
            for (; i <= a.Length - Vector<float>.Count; i += Vector<float>.Count)
            {
                lanes += new Vector<float>(a[i..]) * new Vector<float>(b[i..]);
            }

            sum = Vector.Sum(lanes);
        }

        for (; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }
}
