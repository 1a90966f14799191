using static TorchSharp.torch;

namespace Yue.Engine.Tensors.Native;

/// <summary>Makes MKL choose the kernels of its vector functions on one thread.</summary>
/// <remarks>MKL makes this choice on a function's first call. If that call runs on several threads, one of them may use a kernel that is
/// accurate to only 11 bits for its part of the call (https://github.com/pytorch/pytorch/issues/188792; MKL 2024.2, in libtorch 2.10). A
/// process's first song would then differ from its second. This was observed once, on 16 cores, in sine tables.</remarks>
internal static class MklFunctions
{
    private static readonly Lazy<bool> Chosen = new(Call);

    /// <summary>Triggers the choice once per process for the functions that the models call on the CPU.</summary>
    public static void Choose() => _ = Chosen.Value;

    private static bool Call()
    {
        using var gradients = no_grad();
        using var scope = NewDisposeScope();
        var one = ones(1);      // small enough to stay on the calling thread
        foreach (var function in (Func<Tensor>[])[one.sin, one.cos, one.exp, one.expm1, one.sqrt])
        {
            function();
        }

        return true;
    }
}
