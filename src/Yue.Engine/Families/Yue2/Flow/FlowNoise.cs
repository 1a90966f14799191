namespace Yue.Engine.Families.Yue2.Flow;

/// <summary>The noise that flow matching starts from: the normally distributed numbers that PyTorch's CPU generator draws for a seed
/// (docs/model-yue2.md 6.4).</summary>
/// <remarks>Differs from PyTorch's noise by at most 5e-7, because PyTorch's logarithm and cosine differ from those of .NET in
/// the last bits.</remarks>
public static class FlowNoise
{
    private const int Block = 16;

    /// <summary>Returns the first normally distributed numbers for a seed.</summary>
    /// <param name="seed">The song's seed, of which the generator uses the low 32 bits.</param>
    /// <param name="count">How many numbers to return; a multiple of 16.</param>
    public static float[] Draw(long seed, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(count % Block, 0, nameof(count));
        var generator = new MersenneTwister(unchecked((uint)seed));
        var numbers = new float[count];
        Span<double> uniforms = stackalloc double[Block];
        for (var start = 0; start < count; start += Block)
        {
            foreach (ref var uniform in uniforms)
            {
                uniform = (generator.Next() & 0xFFFFFF) / (double)(1 << 24);
            }

            for (var j = 0; j < Block / 2; j++)
            {
                var radius = Math.Sqrt(-2 * Math.Log(1 - uniforms[j]));
                var (sin, cos) = Math.SinCos(2 * Math.PI * uniforms[j + (Block / 2)]);
                numbers[start + j] = (float)(radius * cos);
                numbers[start + j + (Block / 2)] = (float)(radius * sin);
            }
        }

        return numbers;
    }

    /// <summary>MT19937 (Matsumoto and Nishimura, 1998).</summary>
    private sealed class MersenneTwister
    {
        private const int Size = 624;
        private const int Middle = 397;

        private readonly uint[] _state = new uint[Size];
        private int _next = Size;

        public MersenneTwister(uint seed)
        {
            _state[0] = seed;
            for (var i = 1; i < Size; i++)
            {
                _state[i] = unchecked((1812433253u * (_state[i - 1] ^ (_state[i - 1] >> 30))) + (uint)i);
            }
        }

        public uint Next()
        {
            if (_next == Size)
            {
                Twist();
            }

            var word = _state[_next++];
            word ^= word >> 11;
            word ^= (word << 7) & 0x9D2C5680;
            word ^= (word << 15) & 0xEFC60000;
            return word ^ (word >> 18);
        }

        private void Twist()
        {
            for (var i = 0; i < Size; i++)
            {
                var mixed = (_state[i] & 0x80000000) | (_state[(i + 1) % Size] & 0x7FFFFFFF);
                _state[i] = _state[(i + Middle) % Size] ^ (mixed >> 1) ^ ((mixed & 1) * 0x9908B0DF);
            }

            _next = 0;
        }
    }
}
