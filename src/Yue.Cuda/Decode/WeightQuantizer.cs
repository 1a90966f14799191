using Yue.Cuda.Compilation;

namespace Yue.Cuda.Decode;

/// <summary>Converts bf16 matrices in device memory to 8-bit matrices with one scale per row, and back.</summary>
/// <remarks>
/// A value is its byte times its row's scale, which is the row's largest magnitude divided by 127 (int8) or 448 (e4m3). Values are rounded
/// to nearest, ties to even. Zero rows are supported. Not thread-safe.
/// </remarks>
public sealed unsafe class WeightQuantizer : IDisposable
{
    private const int Threads = 256;

    private readonly CudaModule _module;
    private readonly CudaKernel _quantize;
    private readonly CudaKernel _dequantize;
    private readonly DeviceMemory _badRows = DeviceMemory.Allocate(sizeof(uint));

    public WeightQuantizer(CudaDevice device, KernelCache kernels)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        _module = kernels.Load(device, "quantize.cu");
        _quantize = _module.Kernel("quantize");
        _dequantize = _module.Kernel("dequantize");
        using var stream = CudaStream.Create();
        _badRows.Fill(0, stream);
        stream.Synchronize();
    }

    /// <summary>Enqueues the conversion of a matrix. <see cref="ThrowIfNotFinite"/> checks whether all its values were finite.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="source">bf16 [rows, columns], 16-byte aligned.</param>
    /// <param name="destination">Receives bytes [rows, columns]; 8-byte aligned, 16 for the decoder. Must not overlap the source.</param>
    /// <param name="scales">Receives float32 [rows].</param>
    /// <param name="type">An 8-bit type.</param>
    /// <param name="rows">Rows, at least 1.</param>
    /// <param name="columns">Columns, a multiple of 8.</param>
    public void Quantize(CudaStream stream, nint source, nint destination, nint scales, WeightType type, int rows, int columns)
    {
        Check(type, rows, columns);
        var (kind, badRows) = ((int)type, _badRows.Address);
        _quantize.Launch(stream, (rows, 1), Threads, 0, cooperative: false,
            [(nint)(&source), (nint)(&destination), (nint)(&scales), (nint)(&columns), (nint)(&kind), (nint)(&badRows)]);
    }

    /// <summary>Enqueues the reverse conversion: byte times scale, in bf16.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="source">Bytes [rows, columns], 8-byte aligned.</param>
    /// <param name="scales">Float32 [rows].</param>
    /// <param name="destination">Receives bf16 [rows, columns], 16-byte aligned. Must not overlap the source.</param>
    /// <param name="type">An 8-bit type.</param>
    /// <param name="rows">Rows, at least 1.</param>
    /// <param name="columns">Columns, a multiple of 8.</param>
    public void Dequantize(CudaStream stream, nint source, nint scales, nint destination, WeightType type, int rows, int columns)
    {
        Check(type, rows, columns);
        var kind = (int)type;
        _dequantize.Launch(stream, (rows, 1), Threads, 0, cooperative: false,
            [(nint)(&source), (nint)(&scales), (nint)(&destination), (nint)(&columns), (nint)(&kind)]);
    }

    /// <summary>Waits for the stream, and throws if a matrix converted since the last call had a NaN or an infinity.</summary>
    /// <param name="stream">The stream that the matrices were converted on.</param>
    /// <param name="what">The matrices' name, for the message.</param>
    /// <exception cref="InvalidDataException">Some values are not finite; the scales of their rows are NaN.</exception>
    public void ThrowIfNotFinite(CudaStream stream, string what)
    {
        var badRows = CudaCopy.ToHost<uint>(_badRows.Address, 1, stream)[0];
        if (badRows > 0)
        {
            _badRows.Fill(0, stream);
            throw new InvalidDataException(
                $"{what}: {badRows} rows hold values that are not finite, which 8-bit weights cannot represent; the file may be damaged");
        }
    }

    public void Dispose()
    {
        _badRows.Dispose();
        _module.Dispose();
    }

    private static void Check(WeightType type, int rows, int columns)
    {
        if (type is not (WeightType.Int8 or WeightType.Float8))
        {
            throw new ArgumentException($"{type} is not an 8-bit type", nameof(type));
        }

        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(columns);
        if (columns % 8 != 0)
        {
            throw new ArgumentException($"{columns} columns; a multiple of 8 is required", nameof(columns));
        }
    }
}
