using System.Numerics;

namespace Yue.Engine.Demo;

/// <summary>The demo weights' random numbers: value i of a name depends on nothing but the name and i.</summary>
/// <remarks>Made by integer arithmetic, additions and multiplications alone, so they are the same bits on every machine.</remarks>
internal readonly struct DemoRandom(string name)
{
    private const ulong Gamma = 0x9E3779B97F4A7C15;

    // Half a lane's range times the standard deviation of a sum of four uniform lanes: sqrt(4 / 12) of the range.
    private const float LaneDeviation = 65536 * 0.57735026f;

    private readonly ulong _seed = Hash(name);

    /// <summary>About normal, with mean 0 and deviation 1: four 16-bit uniform numbers added up.</summary>
    public float Normal(long index)
    {
        var bits = Bits(index);
        var sum = (int)(bits & 0xFFFF) + (int)((bits >> 16) & 0xFFFF) + (int)((bits >> 32) & 0xFFFF) + (int)(bits >> 48);
        return (sum - (2 * 65535)) * (1 / LaneDeviation);
    }

    /// <summary>Uniform in [0, 1).</summary>
    public float Uniform(long index) => (Bits(index) >> 40) * (1f / (1 << 24));

    /// <summary>The output function of SplitMix64 at a counter.</summary>
    private ulong Bits(long index)
    {
        var z = _seed + ((ulong)(index + 1) * Gamma);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>FNV-1a over the characters, mixed once more.</summary>
    private static ulong Hash(string name)
    {
        var hash = 14695981039346656037;
        foreach (var character in name)
        {
            hash = (hash ^ character) * 1099511628211;
        }

        return hash ^ BitOperations.RotateLeft(hash * Gamma, 31);
    }
}
