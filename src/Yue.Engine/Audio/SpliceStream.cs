namespace Yue.Engine.Audio;

/// <summary>A splice of clips that arrive in chunks: <see cref="Splice.ReplaceLowFrequencies"/> without waiting for the end.</summary>
/// <remarks>
/// The finished splice scales the low band with the levels of the whole clips, which are known only at the end. Until then, listeners get a
/// separate gain: it moves toward the ratio of the levels so far, by at most 0.5 dB per chunk, and does not change while either level is
/// near silence. It begins at 1.
/// </remarks>
/// <param name="lowRateHz">The rate of the clip with the low band.</param>
/// <param name="highRateHz">The rate of the clip with the level and the high band, and of the output.</param>
/// <param name="cutoffHz">The frequency at which the bands meet.</param>
internal sealed class SpliceStream(int lowRateHz, int highRateHz, float cutoffHz = Splice.CutoffHz)
{
    /// <summary>The level below which the ratio of levels is meaningless: -60 dBFS.</summary>
    public const double SilenceLevel = 1e-3;

    /// <summary>Added to both levels before they are divided.</summary>
    private const double LevelFloor = 1e-10;

    /// <summary>The maximum change of the gain within a chunk: 0.5 dB.</summary>
    private static readonly double MaxChange = Math.Pow(10, 0.5 / 20);

    private readonly Resampler _resampler = new(lowRateHz, highRateHz);
    private readonly SampleBuffer _low = new();
    private readonly SampleBuffer _lowBand = new();     // at the output's rate
    private readonly SampleBuffer _highBand = new();
    private Biquad.Running _lowPass = Biquad.LowPass(highRateHz, cutoffHz).Start();
    private Biquad.Running _levelPass = Biquad.LowPass(highRateHz, cutoffHz).Start();
    private Biquad.Running _highPass = Biquad.HighPass(highRateHz, cutoffHz).Start();
    private double _lowSquares;
    private double _highSquares;
    private double _gain = 1;
    private int _taken;

    /// <summary>The level of the low band so far: its root mean square, plus a floor.</summary>
    private double LowLevel => Math.Sqrt(_lowSquares / Math.Max(_lowBand.Length, 1)) + LevelFloor;

    /// <summary>The level of the other clip's low band so far.</summary>
    private double HighLevel => Math.Sqrt(_highSquares / Math.Max(_highBand.Length, 1)) + LevelFloor;

    /// <summary>Adds samples to the clip with the low band.</summary>
    public void AppendLow(ReadOnlySpan<float> samples)
    {
        _low.Append(samples);
        ExtendLowBand(_resampler.FinalOutputs(_low.Length));
    }

    /// <summary>Adds samples to the clip with the level and the high band.</summary>
    public void AppendHigh(ReadOnlySpan<float> samples)
    {
        var band = _highBand.Extend(samples.Length);
        for (var i = 0; i < samples.Length; i++)
        {
            var below = _levelPass.Next(samples[i]);
            _highSquares += (double)below * below;
            band[i] = _highPass.Next(samples[i]);
        }
    }

    /// <summary>Marks the end of the clip with the low band, so that its last outputs can be computed.</summary>
    public void CompleteLow() => ExtendLowBand(_resampler.OutputLength(_low.Length));

    /// <summary>Returns the next chunk for a listener: all samples that are ready and were not returned before.</summary>
    public float[] Take()
    {
        var piece = new float[Math.Min(_lowBand.Length, _highBand.Length) - _taken];
        var before = _gain;
        ReadOnlySpan<float> low = _lowBand.Samples[_taken..], high = _highBand.Samples[_taken..];
        if (piece.Length > 0 && LowLevel > SilenceLevel && HighLevel > SilenceLevel)
        {
            _gain = Math.Clamp(HighLevel / LowLevel, before / MaxChange, before * MaxChange);
        }

        for (var i = 0; i < piece.Length; i++)
        {
            piece[i] = (low[i] * (float)(before + ((_gain - before) * (i + 1) / piece.Length))) + high[i];
        }

        _taken += piece.Length;
        return piece;
    }

    /// <summary>Returns the finished splice, which has the length of the shorter clip. This must be the last call: the buffers are empty
    /// afterward.</summary>
    public AudioClip Finish()
    {
        var gain = (float)(HighLevel / LowLevel);
        var (low, output) = (_lowBand.Take(), _highBand.Take());
        Array.Resize(ref output, Math.Min(low.Length, output.Length));
        for (var i = 0; i < output.Length; i++)
        {
            output[i] = (low[i] * gain) + output[i];
        }

        return new AudioClip(output, highRateHz);
    }

    private void ExtendLowBand(int outputs)
    {
        var first = _lowBand.Length;
        var band = _lowBand.Extend(outputs - first);
        _resampler.Apply(_low.Samples, first, band);
        foreach (ref var sample in band)
        {
            sample = _lowPass.Next(sample);
            _lowSquares += (double)sample * sample;
        }
    }
}
