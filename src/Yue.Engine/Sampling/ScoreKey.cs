namespace Yue.Engine.Sampling;

/// <summary>Sort keys for scored ids. Ascending keys mean descending scores, then ascending ids.</summary>
internal static class ScoreKey
{
    public static ulong Of(float score, int id)
    {
        var bits = BitConverter.SingleToUInt32Bits(score);
        var ascending = (bits & 0x80000000) != 0 ? ~bits : bits | 0x80000000;
        return ((ulong)~ascending << 32) | (uint)id;
    }

    public static float ScoreOf(ulong key)
    {
        var ascending = ~(uint)(key >> 32);
        return BitConverter.UInt32BitsToSingle((ascending & 0x80000000) != 0 ? ascending & 0x7fffffff : ~ascending);
    }

    public static int IdOf(ulong key) => (int)(uint)key;
}
