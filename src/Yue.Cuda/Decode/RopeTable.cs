namespace Yue.Cuda.Decode;

/// <summary>Cosines and sines of rotary position embedding, the same bits wherever they are used.</summary>
public static class RopeTable
{
    /// <summary>theta^(-2j/D), rounded as the reference implementation's float32 has it: an angle at position 16,384 moves by a thousandth
    /// with its last bit.</summary>
    public static float Frequency(double theta, int headSize, int j) => 1 / (float)Math.Pow(theta, 2.0 * j / headSize);

    /// <summary>Cosine and sine of position · frequency j, the angle rounded
    /// to float32 as the reference has it: [context, D/2, 2].</summary>
    public static float[] Of(double theta, int headSize, int context)
    {
        var table = new float[context * headSize];
        for (var j = 0; j < headSize / 2; j++)
        {
            var frequency = Frequency(theta, headSize, j);
            for (var position = 0; position < context; position++)
            {
                var (sin, cos) = Math.SinCos(position * frequency);
                var at = (position * headSize) + (2 * j);
                (table[at], table[at + 1]) = ((float)cos, (float)sin);
            }
        }

        return table;
    }
}
