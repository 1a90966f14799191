using static TorchSharp.torch;

namespace Yue.Engine.Tensors.Native;

/// <summary>Has MKL choose the kernels of its vector functions while one thread asks.</summary>
/// <remarks>It chooses at a function's first call. Where that runs on several threads at once, one of them may take a kernel that is right to
/// 11 bits for its part of that one call (https://github.com/pytorch/pytorch/issues/188792; MKL 2024.2, as libtorch 2.10 has it):
/// a process's first song would differ from its second. It was seen here once, on 16 cores, in tables of sines.</remarks>
internal static class MklFunctions
{
    private static readonly Lazy<bool> Chosen = new(Call);

    /// <summary>Does so once a process, for the functions that the models call on the CPU.</summary>
    public static void Choose() => _ = Chosen.Value;

    private static bool Call()
    {
        using var gradients = no_grad();
        using var scope = NewDisposeScope();
        var one = ones(1);      // so little stays on the calling thread
        foreach (var function in (Func<Tensor>[])[one.sin, one.cos, one.exp, one.expm1, one.sqrt])
        {
            function();
        }

        return true;
    }
}
