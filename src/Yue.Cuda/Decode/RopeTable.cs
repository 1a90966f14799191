namespace Yue.Cuda.Decode;

/// <summary>The cosines and sines of rotary position embedding, bit-identical on all devices.</summary>
public static class RopeTable
{
    /// <summary>Returns theta^(-2j/D) for head size D, rounded to float32 at the same points as in the reference. A difference in the
    /// last bit changes an angle at position 16,384 by up to a thousandth of a radian.</summary>
    public static float Frequency(double theta, int headSize, int j) => 1 / (float)Math.Pow(theta, 2.0 * j / headSize);

    /// <summary>Returns the cosine and sine of position · frequency j: [context, D/2, 2].</summary>
    /// <remarks>The angle is rounded to float32, as in the reference.</remarks>
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
