using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Yue.Engine.Families.Yue1.SelfCheck;

/// <summary>The clips for the published figures, generated from their recipes (docs/model.md 10).</summary>
public static class RecipeClips
{
    private const double Tau = 2 * Math.PI;

    /// <summary>Returns the vocal track: 48 kHz, 16 bit.</summary>
    public static short[] Vocal48() => Make(144_777, i =>
    {
        var t = i / 48_000.0;
        var phase = (Tau * (220 + (110 * t / 3)) * t) + (3 * Math.Sin(Tau * 6 * t));
        var gate = 0.5 - (0.5 * Math.Cos(Tau * 2 * t));
        return 0.35 * gate * (Math.Sin(phase) + (0.6 * Math.Sin(2 * phase)) + (0.4 * Math.Sin(3 * phase)) + (0.2 * Math.Sin(5 * phase)));
    });

    /// <summary>Returns the instrumental track: 48 kHz, 16 bit.</summary>
    public static short[] Instrumental48()
    {
        var noise = new Noise32(777);
        return Make(144_777, i =>
        {
            var t = i / 48_000.0;
            var beat = t % 0.5;
            var kick = Math.Exp(-30 * beat) * Math.Sin(Tau * 60 * beat);
            var snare = Math.Exp(-25 * ((t + 0.25) % 0.5)) * noise.Next();
            var bass = Math.Sin(Tau * 55 * t);
            var chord = Chord(t, 261.63, 329.63, 392);
            return (0.4 * kick) + (0.3 * snare) + (0.25 * bass) + (0.2 * chord);
        });
    }

    /// <summary>Returns the mixed clip: 44.1 kHz, 16 bit, left and right.</summary>
    public static (short[] Left, short[] Right) Stereo44()
    {
        const int Frames = 177_634;
        var noise = new Noise32(12_345);
        var left = Make(Frames, i =>
        {
            var t = i / 44_100.0;
            return (0.5 * Math.Exp(-4 * (t % 0.5)) * Chord(t, 196, 246.94, 293.66)) + (0.15 * Math.Exp(-40 * (t % 0.25)) * noise.Next());
        });
        var right = Make(Frames, i =>
        {
            var t = i / 44_100.0;
            var phase = (Tau * 392 * t) + (4 * Math.Sin(Tau * 5.5 * t));
            return 0.3 * (Math.Sin(phase) + (0.5 * Math.Sin(2 * phase)) + (0.25 * Math.Sin(3 * phase)));
        });
        return (left, right);
    }

    /// <summary>Returns the input that the resampler's figures were measured with: 499 samples at 44.1 kHz.</summary>
    public static float[] ResamplerInput()
    {
        var noise = new Noise32(4242);
        return Floats(Make(499, i => (0.4 * noise.Next()) + (0.5 * Math.Sin(0.05 * i))));
    }

    /// <summary>Returns one second of a voice at 16 kHz.</summary>
    public static float[] DecodeVocal() => Second(t =>
    {
        var phase = Tau * 330 * (1 + (0.02 * Math.Sin(Tau * 5.5 * t))) * t;
        var swell = Math.Sin(Tau * 2 * t);
        return (0.6 + (0.4 * swell * swell)) * ((0.95 * Math.Sin(phase)) + (0.25 * Math.Sin((3 * phase) + 0.3)));
    });

    /// <summary>Returns one second of a band at 16 kHz.</summary>
    public static float[] DecodeInstrumental()
    {
        var state = 19_378L;
        return Second(t =>
        {
            state = ((1_103_515_245L * state) + 12_345) % (1L << 31);
            var noise = (state / (double)(1 << 30)) - 1;
            return (0.5 * Chord(t, 261.63, 329.63, 392)) + (0.4 * Math.Sin(Tau * 65.41 * t)) + (0.35 * Math.Exp(-60 * (t % 0.125)) * noise);
        });
    }

    /// <summary>Returns one second of a plucked chord and a wavering tone at 16 kHz.</summary>
    public static float[] DecodeSingle() => Second(t =>
        (0.45 * Math.Exp(-3 * (t % 0.25)) * Chord(t, 220, 277.18, 329.63))
            + (0.2 * Math.Sin((Tau * 440 * t) + (3 * Math.Sin(Tau * 5 * t)))));

    /// <summary>Converts samples to floats with a full scale of 1.</summary>
    public static float[] Floats(short[] samples) => Array.ConvertAll(samples, sample => sample / 32768f);

    /// <summary>Returns the hash of the samples as little-endian bytes.</summary>
    public static string Sha256(short[] samples) => Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes<short>(samples)));

    private static double Chord(double t, double a, double b, double c) =>
        (Math.Sin(Tau * a * t) + Math.Sin(Tau * b * t) + Math.Sin(Tau * c * t)) / 3;

    private static short[] Make(int count, Func<int, double> value)
    {
        var samples = new short[count];
        for (var i = 0; i < count; i++)
        {
            samples[i] = (short)Math.Clamp(Math.Floor((32_767 * value(i)) + 0.5), short.MinValue, short.MaxValue);
        }

        return samples;
    }

    private static float[] Second(Func<double, double> value)
    {
        var samples = new float[16_000];
        for (var i = 0; i < samples.Length; i++)
        {
            samples[i] = (float)value(i / 16_000.0);
        }

        return samples;
    }

    /// <summary>The noise of the 16-bit clips, −0.5 to 0.5; advanced once before every use.</summary>
    private sealed class Noise32(uint seed)
    {
        private uint _state = seed;

        public double Next()
        {
            _state = unchecked((1_664_525 * _state) + 1_013_904_223);
            return ((_state >> 8) / (double)(1 << 24)) - 0.5;
        }
    }
}
