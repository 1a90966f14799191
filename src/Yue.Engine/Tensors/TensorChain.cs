using static TorchSharp.torch;

namespace Yue.Engine.Tensors;

/// <summary>Steps one after another, of which each lets go of what it was given: a minute of sound has tensors of some hundred megabytes,
/// which a dispose scope around the steps would keep.</summary>
internal static class TensorChain
{
    /// <summary>What a step makes of a tensor, which is disposed.</summary>
    public static Tensor Then(this Tensor x, Func<Tensor, Tensor> step)
    {
        using (x)
        {
            return step(x);
        }
    }
}
