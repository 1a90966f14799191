using static TorchSharp.torch;

namespace Yue.Engine.Tensors;

/// <summary>Chains steps, each of which disposes its input. The tensors of a minute of sound take several hundred megabytes, which a
/// dispose scope around all steps would keep.</summary>
internal static class TensorChain
{
    /// <summary>Returns the result of a step and disposes its input.</summary>
    public static Tensor Then(this Tensor x, Func<Tensor, Tensor> step)
    {
        using (x)
        {
            return step(x);
        }
    }
}
