using System.Runtime.ExceptionServices;
using static TorchSharp.torch;

namespace Yue.Engine.Llama;

/// <summary>Shares work among cores if it is large enough.</summary>
internal static class CpuWork
{
    /// <summary>The minimum number of multiplications per core. They take about a quarter of a millisecond. Waking another core takes
    /// 0.01 ms, but much longer if other programs use that core.</summary>
    private const long MinPerCore = 4_000_000;

    /// <summary>The number of libtorch's threads, so that its settings also apply here.</summary>
    public static readonly int Cores = get_num_threads();

    /// <summary>Returns true if one core does this number of multiplications alone.</summary>
    public static bool IsForOne(long multiplications) => multiplications < 2 * MinPerCore;

    /// <summary>Splits the range from 0 to <paramref name="count"/> into as many parts as the number of multiplications justifies, and runs
    /// <paramref name="part"/> on each. Its arguments are the start (inclusive) and the end (exclusive).</summary>
    public static void Share(int count, long multiplications, Action<int, int> part) =>
        Do((int)Math.Min(Math.Min(Cores, count), multiplications / MinPerCore), count, part);

    /// <summary>Runs <paramref name="part"/> on parts of a range in which each item is enough work for a core.</summary>
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
            ExceptionDispatchInfo.Throw(failures.InnerExceptions[0]);       // the exception that one core alone would throw
        }
    }
}
