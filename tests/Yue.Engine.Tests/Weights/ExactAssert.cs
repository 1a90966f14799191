using Xunit;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Weights;

/// <summary>Compares tensors without a tolerance, for values that are copied, not computed.</summary>
internal static class ExactAssert
{
    public static void Equal(Tensor expected, Tensor actual)
    {
        using var scope = NewDisposeScope();
        Assert.Equal(expected.shape, actual.shape);
        Assert.True(expected.eq(actual).all().item<bool>(), "the tensors differ");
    }
}
