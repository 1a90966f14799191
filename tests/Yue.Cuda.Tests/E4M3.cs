namespace Yue.Cuda.Tests;

/// <summary>Converts between float32 and e4m3. Rounds to nearest even, with 448 as the largest value, as the kernels do.</summary>
internal static class E4M3
{
    private static readonly float[] Magnitudes = [.. Enumerable.Range(0, 0x7f).Select(code => ToFloat((byte)code))];

    public static float ToFloat(byte code)
    {
        var (exponent, mantissa) = ((code >> 3) & 15, code & 7);
        var value = exponent == 0 ? mantissa / 8.0 * Math.Pow(2, -6) : (1 + (mantissa / 8.0)) * Math.Pow(2, exponent - 7);
        return (float)((code & 0x80) != 0 ? -value : value);
    }

    /// <summary>Returns the code of the nearest value. Ties go to the even code.</summary>
    public static byte From(float value)
    {
        var magnitude = Math.Abs(value);
        var above = Array.BinarySearch(Magnitudes, magnitude);
        var code = above >= 0 ? above : Math.Min(~above, Magnitudes.Length - 1);
        if (code > 0 && above < 0)
        {
            var (up, down) = ((double)Magnitudes[code] - magnitude, (double)magnitude - Magnitudes[code - 1]);
            code -= down < up || (down == up && code % 2 == 1) ? 1 : 0;
        }

        return (byte)(code | (BitConverter.SingleToInt32Bits(value) < 0 ? 0x80 : 0));
    }

    public static float Round(float value) => ToFloat(From(value));
}
