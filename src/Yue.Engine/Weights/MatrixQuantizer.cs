using Yue.Cuda;
using Yue.Cuda.Compilation;
using Yue.Cuda.Decode;
using Yue.Engine.Tensors;
using static TorchSharp.torch;

namespace Yue.Engine.Weights;

/// <summary>Converts BF16 matrices on a GPU to a type with fewer bits, and back to BF16 for a prefill.</summary>
/// <remarks>It runs on TorchSharp's stream, so its work and TorchSharp's run in order. Used by the engine's thread only.</remarks>
internal sealed class MatrixQuantizer(CudaDevice device, KernelCache kernels, WeightType type) : IDisposable
{
    private readonly WeightQuantizer _quantizer = new(device, kernels);

    /// <summary>The type of the converted matrices.</summary>
    public WeightType Type => type;

    /// <summary>Returns a matrix of codes. The caller still owns the matrix of values.</summary>
    /// <param name="matrix">[rows, columns], BF16, contiguous.</param>
    /// <param name="name">The name of the matrix, for the error message.</param>
    /// <param name="terms">The number of stored rows whose sum is a row of the matrix; 1 for an 8-bit type.</param>
    /// <exception cref="InvalidDataException">Some values are not finite.</exception>
    public WeightMatrix Quantize(Tensor matrix, string name, int terms = 1)
    {
        var (rows, columns) = Shape.Dims2(matrix);
        var codes = empty([rows * terms, LlamaShape.RowBytes(type, columns)], ScalarType.Byte, matrix.device);
        Tensor? scales = null;
        if (GroupedWeights.AppliesTo(type))
        {
            _quantizer.QuantizeGroups(CudaStream.Legacy, matrix.Address(), codes.Address(), type, (int)rows, (int)columns, terms);
        }
        else
        {
            scales = empty([rows], ScalarType.Float32, matrix.device);
            _quantizer.Quantize(CudaStream.Legacy, matrix.Address(), codes.Address(), scales.Address(), type, (int)rows, (int)columns);
        }

        _quantizer.ThrowIfNotFinite(CudaStream.Legacy, name);
        return new WeightMatrix(codes, scales, columns, terms, this);
    }

    /// <summary>Returns a matrix of codes that are already in the type's format. The matrix takes ownership of the codes.</summary>
    /// <param name="codes">The stored rows, uint8.</param>
    /// <param name="columns">The number of columns of the matrix.</param>
    /// <param name="terms">The number of stored rows per row of the matrix.</param>
    public WeightMatrix Stored(Tensor codes, long columns, int terms) => new(codes, scales: null, columns, terms, this);

    /// <summary>Returns the BF16 values of some rows, [rows, columns]; the caller disposes them.</summary>
    /// <param name="codes">The stored rows, uint8.</param>
    /// <param name="scales">The scales of the rows of an 8-bit type, otherwise null.</param>
    /// <param name="columns">The number of columns of the matrix.</param>
    /// <param name="terms">The number of stored rows per row of the matrix.</param>
    public Tensor ValuesOf(Tensor codes, Tensor? scales, long columns, int terms)
    {
        var rows = codes.shape[0] / terms;
        var values = empty([rows, columns], ScalarType.BFloat16, codes.device);
        if (scales is null)
        {
            _quantizer.DequantizeGroups(CudaStream.Legacy, codes.Address(), values.Address(), type, (int)rows, (int)columns, terms);
        }
        else
        {
            _quantizer.Dequantize(CudaStream.Legacy, codes.Address(), scales.Address(), values.Address(), type, (int)rows, (int)columns);
        }

        return values;
    }

    public void Dispose() => _quantizer.Dispose();
}
