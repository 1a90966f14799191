using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Yue.Engine.Weights;

/// <summary>A matrix of a language model, [rows, columns]: values, or bytes with one scale per row. Owns its tensors.</summary>
public sealed class WeightMatrix : IDisposable
{
    private readonly MatrixQuantizer? _quantizer;

    /// <summary>Creates a matrix of plain values.</summary>
    /// <param name="values">[rows, columns], in the model's dtype.</param>
    public WeightMatrix(Tensor values)
    {
        Values = values;
    }

    /// <summary>Creates a matrix of bytes.</summary>
    /// <param name="values">[rows, columns], uint8.</param>
    /// <param name="scales">[rows], F32: the factors of the rows' values.</param>
    /// <param name="quantizer">Converts the bytes to values; the caller keeps it.</param>
    internal WeightMatrix(Tensor values, Tensor scales, MatrixQuantizer quantizer)
        : this(values)
    {
        (Scales, _quantizer) = (scales, quantizer);
    }

    /// <summary>[rows, columns].</summary>
    public Tensor Values { get; }

    /// <summary>[rows], F32; null if the values are plain.</summary>
    public Tensor? Scales { get; }

    /// <summary>Returns x · Wᵀ for all rows of W.</summary>
    /// <param name="x">[..., columns], in the model's dtype.</param>
    /// <returns>[..., rows], in that dtype.</returns>
    public Tensor Multiply(Tensor x) => Multiply(x, 0, Values.shape[0]);

    /// <summary>Returns x · Wᵀ for a range of rows of W.</summary>
    /// <param name="x">[..., columns], in the model's dtype.</param>
    /// <param name="first">The first row.</param>
    /// <param name="count">The number of rows.</param>
    /// <returns>[..., count], in that dtype.</returns>
    public Tensor Multiply(Tensor x, long first, long count)
    {
        using var scope = NewDisposeScope();
        var values = Values.narrow(0, first, count);
        if (_quantizer is not null)
        {
            values = _quantizer.ValuesOf(values, Scales!.narrow(0, first, count));
        }

        return functional.linear(x, values).MoveToOuterDisposeScope();
    }

    /// <summary>Keeps the tensors alive after the dispose scope in which they were created.</summary>
    internal void Detach()
    {
        Values.DetachFromDisposeScope();
        Scales?.DetachFromDisposeScope();
    }

    public void Dispose()
    {
        Values.Dispose();
        Scales?.Dispose();
    }
}
