using System.Runtime.ExceptionServices;
using static TorchSharp.torch;

namespace Yue.Engine.Llama;

/// <summary>Shares work among cores where it is large enough.</summary>
internal static class CpuWork
{
    /// <summary>Multiplications that one core does alone: about a quarter of a millisecond. Waking another takes 0.01, but much longer where
    /// other programs want it.</summary>
    private const long Alone = 4_000_000;

    /// <summary>libtorch's threads, so that its settings hold here, too.</summary>
    public static readonly int Cores = get_num_threads();

    /// <summary>Whether so many multiplications are left to one core.</summary>
    public static bool IsForOne(long multiplications) => multiplications < 2 * Alone;

    /// <summary>Does parts of 0 to <paramref name="count"/>, from the first number to before the second.</summary>
    public static void Share(int count, long multiplications, Action<int, int> part) =>
        Do((int)Math.Min(Math.Min(Cores, count), multiplications / Alone), count, part);

    /// <summary>The same where each is work enough for a core.</summary>
    public static void Share(int count, Action<int, int> part) => Do(Math.Min(Cores, count), count, part);

    private static void Do(int parts, int count, Action<int, int> part)
    {
        if (parts <= 1)
        {
            part(0, count);
            return;
        }

        try
        {
            Parallel.For(0, parts, i => part((int)((long)count * i / parts), (int)((long)count * (i + 1) / parts)));
        }
        catch (AggregateException failures)
        {
            ExceptionDispatchInfo.Throw(failures.InnerExceptions[0]);       // as where one core does it all
        }
    }
}
