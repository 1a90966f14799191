using Yue.Cuda;
using Yue.Cuda.Compilation;
using Yue.Cuda.Decode;
using Yue.Engine.Tensors;
using static TorchSharp.torch;

namespace Yue.Engine.Weights;

/// <summary>Converts BF16 matrices to 8 bits on a GPU, and back to BF16 for a prefill.</summary>
/// <remarks>It runs on TorchSharp's stream, so the work of both is in order. Used by the engine's thread only.</remarks>
internal sealed class MatrixQuantizer(CudaDevice device, KernelCache kernels, WeightType type) : IDisposable
{
    private readonly WeightQuantizer _quantizer = new(device, kernels);

    /// <summary>Returns the bytes and scales of a matrix. The caller keeps the matrix.</summary>
    /// <param name="matrix">[rows, columns], BF16, contiguous.</param>
    /// <param name="name">The name of the matrix, for the error.</param>
    /// <exception cref="InvalidDataException">Some values are not finite.</exception>
    public WeightMatrix Quantize(Tensor matrix, string name)
    {
        var (rows, columns) = Shape.Dims2(matrix);
        var values = empty([rows, columns], ScalarType.Byte, matrix.device);
        var scales = empty([rows], ScalarType.Float32, matrix.device);
        _quantizer.Quantize(CudaStream.Legacy, matrix.Address(), values.Address(), scales.Address(), type, (int)rows, (int)columns);
        _quantizer.ThrowIfNotFinite(CudaStream.Legacy, name);
        return new WeightMatrix(values, scales, this);
    }

    /// <summary>Returns the BF16 values of bytes and scales, in the bytes' shape; the caller disposes them.</summary>
    public Tensor ValuesOf(Tensor bytes, Tensor scales)
    {
        var (rows, columns) = Shape.Dims2(bytes);
        var values = empty([rows, columns], ScalarType.BFloat16, bytes.device);
        _quantizer.Dequantize(CudaStream.Legacy, bytes.Address(), scales.Address(), values.Address(), type, (int)rows, (int)columns);
        return values;
    }

    public void Dispose() => _quantizer.Dispose();
}
