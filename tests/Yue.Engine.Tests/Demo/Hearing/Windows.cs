using static TorchSharp.torch;

namespace Yue.Engine.Tests.Demo.Hearing;

/// <summary>Short pieces of a track and their spectra.</summary>
internal static class Windows
{
    public const int RateHz = 16000;

    /// <summary>The hop of 10 ms, in samples.</summary>
    public const int Hop = 160;

    /// <summary>Returns pieces of a track. Piece t is centered at sample t · hop.</summary>
    /// <param name="wave">[S] at 16 kHz; it is padded with zeros at both ends.</param>
    /// <returns>[T, size], T = ⌈S / hop⌉.</returns>
    public static double[][] Of(float[] wave, int size, int hop = Hop)
    {
        var pieces = new double[(wave.Length + hop - 1) / hop][];
        for (var t = 0; t < pieces.Length; t++)
        {
            pieces[t] = new double[size];
            var first = (t * hop) - (size / 2);
            for (var i = Math.Max(0, -first); i < size && first + i < wave.Length; i++)
            {
                pieces[t][i] = wave[first + i];
            }
        }

        return pieces;
    }

    /// <summary>Returns magnitude spectra with a Hann window, scaled so that the peak of a sine is its amplitude.</summary>
    /// <returns>[T, size / 2 + 1], bin k at k · 16 kHz / size.</returns>
    public static double[][] Spectra(float[] wave, int size, int hop = Hop)
    {
        using var scope = NewDisposeScope();
        var pieces = Of(wave, size, hop);
        var window = Hann(size);
        var flat = pieces.SelectMany(piece => piece.Zip(window, (sample, weight) => sample * weight / (size / 4.0))).ToArray();
        var magnitudes = fft.rfft(tensor(flat, [pieces.Length, size])).abs();
        return [.. magnitudes.data<double>().ToArray().Chunk((size / 2) + 1)];
    }

    /// <summary>Returns a Hann window that is zero at both ends.</summary>
    public static double[] Hann(int size) =>
        [.. Enumerable.Range(0, size).Select(i => 0.5 - (0.5 * Math.Cos(2 * Math.PI * i / (size - 1))))];

    /// <summary>Returns the bins of a spectrum with frequencies between two bounds.</summary>
    public static (int First, int End) Bins(int size, double aboveHz, double belowHz) =>
        ((int)Math.Floor(aboveHz * size / RateHz) + 1, (int)Math.Ceiling(belowHz * size / RateHz));
}
