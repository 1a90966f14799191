using Yue.Cuda.Decode;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Yue.Engine.Weights;

/// <summary>A matrix of a language model, [rows, columns]: values, or codes with fewer bits. Owns its tensors.</summary>
public sealed class WeightMatrix : IDisposable
{
    private readonly MatrixQuantizer? _quantizer;
    private readonly long _columns;
    private readonly int _terms = 1;

    /// <summary>Creates a matrix of plain values.</summary>
    /// <param name="values">[rows, columns], in the model's dtype.</param>
    public WeightMatrix(Tensor values)
    {
        Values = values;
    }

    /// <summary>Creates a matrix of codes.</summary>
    /// <param name="codes">The stored rows, uint8.</param>
    /// <param name="scales">[rows], F32: the factors of the rows of 8-bit values; null for int6 and int4.</param>
    /// <param name="columns">The number of columns of the matrix.</param>
    /// <param name="terms">The number of stored rows whose sum is a row of the matrix.</param>
    /// <param name="quantizer">Converts the codes to values; the caller owns it.</param>
    internal WeightMatrix(Tensor codes, Tensor? scales, long columns, int terms, MatrixQuantizer quantizer)
        : this(codes)
    {
        (Scales, _columns, _terms, _quantizer) = (scales, columns, terms, quantizer);
    }

    /// <summary>The values [rows, columns], or the stored rows of codes.</summary>
    public Tensor Values { get; }

    /// <summary>[rows], F32: the factors of the rows of 8-bit values; otherwise null.</summary>
    public Tensor? Scales { get; }

    /// <summary>The type of the values on a GPU.</summary>
    public WeightType Type => _quantizer?.Type ?? (Values.dtype == ScalarType.Float32 ? WeightType.Float32 : WeightType.BFloat16);

    /// <summary>Returns x · Wᵀ for all rows of W.</summary>
    /// <param name="x">[..., columns], in the model's dtype.</param>
    /// <returns>[..., rows], in the same dtype; the caller disposes it.</returns>
    public Tensor Multiply(Tensor x) => Multiply(x, 0, Values.shape[0] / _terms);

    /// <summary>Returns x · Wᵀ for a range of rows of W.</summary>
    /// <param name="x">[..., columns], in the model's dtype.</param>
    /// <param name="first">The first row.</param>
    /// <param name="count">The number of rows.</param>
    /// <returns>[..., count], in the same dtype; the caller disposes it.</returns>
    public Tensor Multiply(Tensor x, long first, long count)
    {
        using var scope = NewDisposeScope();
        var values = Values.narrow(0, first * _terms, count * _terms);
        if (_quantizer is not null)
        {
            values = _quantizer.ValuesOf(values, Scales?.narrow(0, first, count), _columns, _terms);
        }

        return functional.linear(x, values).MoveToOuterDisposeScope();
    }

    /// <summary>Keeps the tensors alive beyond the dispose scope in which they were created.</summary>
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
