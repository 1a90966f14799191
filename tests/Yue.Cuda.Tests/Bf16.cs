namespace Yue.Cuda.Tests;

/// <summary>Converts between float32 and bf16. Rounds to nearest even, as the kernels do.</summary>
internal static class Bf16
{
    public static ushort From(double value)
    {
        var bits = BitConverter.SingleToUInt32Bits((float)value);
        return (ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }

    public static float ToFloat(ushort value) => BitConverter.UInt32BitsToSingle((uint)value << 16);

    public static double Round(double value) => ToFloat(From(value));

    public static ushort[] Random(Random random, long count, double scale)
    {
        var values = new ushort[count];
        random.NextBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan()));
        Parallel.For(0, (int)((count + 65535) / 65536), block =>
        {
            for (var i = block * 65536L; i < Math.Min(count, (block + 1) * 65536L); i++)
            {
                values[i] = From((values[i] - 32768) / 32768.0 * scale);
            }
        });
        return values;
    }
}
