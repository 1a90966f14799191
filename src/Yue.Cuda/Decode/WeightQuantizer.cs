using Yue.Cuda.Compilation;

namespace Yue.Cuda.Decode;

/// <summary>Converts bf16 matrices in device memory to a type with fewer bits, and back.</summary>
/// <remarks>
/// An 8-bit value is its byte times its row's scale, which is the row's largest magnitude divided by 127 (int8) or 448 (e4m3). Int6 and
/// int4 have the format of <see cref="GroupedWeights"/>. Values are rounded to nearest, ties to even. Not thread-safe.
/// </remarks>
public sealed unsafe class WeightQuantizer : IDisposable
{
    private const int Threads = 256;

    private readonly CudaModule _module;
    private readonly CudaModule _groupModule;
    private readonly CudaKernel _quantize;
    private readonly CudaKernel _dequantize;
    private readonly CudaKernel _quantizeGroups;
    private readonly CudaKernel _dequantizeGroups;
    private readonly DeviceMemory _bad = DeviceMemory.Allocate(sizeof(uint));

    public WeightQuantizer(CudaDevice device, KernelCache kernels)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        try
        {
            _module = kernels.Load(device, "quantize.cu");
            _quantize = _module.Kernel("quantize");
            _dequantize = _module.Kernel("dequantize");
            _groupModule = kernels.Load(device, "quantize_groups.cu");
            _quantizeGroups = _groupModule.Kernel("quantize_groups");
            _dequantizeGroups = _groupModule.Kernel("dequantize_groups");
            using var stream = CudaStream.Create();
            _bad.Fill(0, stream);
            stream.Synchronize();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Enqueues the conversion of a matrix to 8 bits. <see cref="ThrowIfNotFinite"/> checks whether all its values were
    /// finite.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="source">bf16 [rows, columns], 16-byte aligned.</param>
    /// <param name="destination">Receives bytes [rows, columns]; 8-byte aligned, or 16-byte aligned for the decoder. Must not
    /// overlap the source.</param>
    /// <param name="scales">Receives float32 [rows].</param>
    /// <param name="type">An 8-bit type.</param>
    /// <param name="rows">The number of rows, at least 1.</param>
    /// <param name="columns">The number of columns, a multiple of 8.</param>
    public void Quantize(CudaStream stream, nint source, nint destination, nint scales, WeightType type, int rows, int columns)
    {
        Check(type is WeightType.Int8 or WeightType.Float8, type, rows, columns, multiple: 8);
        var (kind, bad) = ((int)type, _bad.Address);
        _quantize.Launch(stream, (rows, 1), Threads, 0, cooperative: false,
            [(nint)(&source), (nint)(&destination), (nint)(&scales), (nint)(&columns), (nint)(&kind), (nint)(&bad)]);
    }

    /// <summary>Enqueues the reverse conversion, to bf16: byte times scale.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="source">Bytes [rows, columns], 8-byte aligned.</param>
    /// <param name="scales">Float32 [rows].</param>
    /// <param name="destination">Receives bf16 [rows, columns], 16-byte aligned. Must not overlap the source.</param>
    /// <param name="type">An 8-bit type.</param>
    /// <param name="rows">The number of rows, at least 1.</param>
    /// <param name="columns">The number of columns, a multiple of 8.</param>
    public void Dequantize(CudaStream stream, nint source, nint scales, nint destination, WeightType type, int rows, int columns)
    {
        Check(type is WeightType.Int8 or WeightType.Float8, type, rows, columns, multiple: 8);
        var kind = (int)type;
        _dequantize.Launch(stream, (rows, 1), Threads, 0, cooperative: false,
            [(nint)(&source), (nint)(&scales), (nint)(&destination), (nint)(&columns), (nint)(&kind)]);
    }

    /// <summary>Enqueues the conversion of a matrix to int6 or int4. <see cref="ThrowIfNotFinite"/> checks whether all its values were
    /// finite, with magnitudes of at most <see cref="GroupedWeights.MaxMagnitude"/>.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="source">bf16 [rows, columns], 16-byte aligned.</param>
    /// <param name="destination">Receives the rows, 16-byte aligned. Must not overlap the source.</param>
    /// <param name="type">Int6 or int4.</param>
    /// <param name="rows">The number of rows, at least 1.</param>
    /// <param name="columns">The number of columns, a multiple of 32.</param>
    /// <param name="terms">The number of stored rows whose sum is a row of the matrix: 1 or 2.</param>
    public void QuantizeGroups(CudaStream stream, nint source, nint destination, WeightType type, int rows, int columns, int terms)
    {
        Check(GroupedWeights.AppliesTo(type), type, rows, columns, GroupedWeights.GroupSize);
        var (kind, rowBytes, bad) = ((int)type, (int)GroupedWeights.RowBytes(type, columns), _bad.Address);
        var paddedColumns = (columns + GroupedWeights.UnitSize - 1) / GroupedWeights.UnitSize * GroupedWeights.UnitSize;
        _quantizeGroups.Launch(stream, (BlocksFor(rows, paddedColumns), 1), Threads, 0, cooperative: false,
            [
                (nint)(&source), (nint)(&destination), (nint)(&rows), (nint)(&columns), (nint)(&rowBytes), (nint)(&kind), (nint)(&terms),
                (nint)(&bad),
            ]);
    }

    /// <summary>Enqueues the reverse conversion, to bf16.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="source">The rows, 16-byte aligned.</param>
    /// <param name="destination">Receives bf16 [rows, columns], 16-byte aligned. Must not overlap the source.</param>
    /// <param name="type">Int6 or int4.</param>
    /// <param name="rows">The number of rows, at least 1.</param>
    /// <param name="columns">The number of columns, a multiple of 32.</param>
    /// <param name="terms">The number of stored rows whose sum is a row of the matrix.</param>
    public void DequantizeGroups(CudaStream stream, nint source, nint destination, WeightType type, int rows, int columns, int terms)
    {
        Check(GroupedWeights.AppliesTo(type), type, rows, columns, GroupedWeights.GroupSize);
        var (kind, rowBytes) = ((int)type, (int)GroupedWeights.RowBytes(type, columns));
        _dequantizeGroups.Launch(stream, (BlocksFor(rows, columns), 1), Threads, 0, cooperative: false,
            [
                (nint)(&source), (nint)(&destination), (nint)(&rows), (nint)(&columns), (nint)(&rowBytes), (nint)(&kind), (nint)(&terms),
            ]);
    }

    /// <summary>Waits for the stream, and throws if a matrix converted since the last call contained a NaN, an infinity or, for int6 and
    /// int4, a magnitude above <see cref="GroupedWeights.MaxMagnitude"/>.</summary>
    /// <param name="stream">The stream that the matrices were converted on.</param>
    /// <param name="what">The matrices' name, for the message.</param>
    /// <exception cref="InvalidDataException">Some values cannot be represented. In 8-bit matrices, the scales of the affected rows are
    /// NaN.</exception>
    public void ThrowIfNotFinite(CudaStream stream, string what)
    {
        var bad = CudaCopy.ToHost<uint>(_bad.Address, 1, stream)[0];
        if (bad > 0)
        {
            _bad.Fill(0, stream);
            throw new InvalidDataException(
                $"{what}: some values are not finite, or too large for quantized weights (rows or groups with such values: {bad}); "
                    + "the file may be damaged");
        }
    }

    public void Dispose()
    {
        _bad.Dispose();

        // A member is null if the constructor threw before setting it.
        _groupModule?.Dispose();
        _module?.Dispose();
    }

    private static int BlocksFor(int rows, int columns)
    {
        var threads = (long)rows * columns / GroupedWeights.GroupSize;
        return (int)((threads + Threads - 1) / Threads);
    }

    private static void Check(bool isSupported, WeightType type, int rows, int columns, int multiple)
    {
        if (!isSupported)
        {
            throw new ArgumentException($"this conversion does not support {type}", nameof(type));
        }

        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(columns);
        if (columns % multiple != 0)
        {
            throw new ArgumentException($"{columns} columns; a multiple of {multiple} is required", nameof(columns));
        }
    }
}
