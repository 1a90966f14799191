using System.Runtime.ExceptionServices;
using static Yue.Cuda.CudaException;

namespace Yue.Cuda;

/// <summary>Copies large blocks to the device through pinned buffers: several threads read while earlier buffers are being
/// copied.</summary>
/// <remarks>Not thread-safe.</remarks>
public sealed class DeviceUpload : IDisposable
{
    private const int MaxLanes = 16;

    private readonly CudaDevice _device;
    private readonly Lane[] _lanes;

    /// <summary>Allocates the buffers: two per thread, with one thread per core but at most 16 threads.</summary>
    /// <param name="device">The destination device.</param>
    /// <param name="bufferBytes">The size of a buffer in bytes.</param>
    public DeviceUpload(CudaDevice device, int bufferBytes = 4 << 20)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bufferBytes);
        (_device, BufferBytes) = (device, bufferBytes);
        device.MakeCurrent();
        _lanes = [.. Enumerable.Range(0, Math.Min(MaxLanes, Environment.ProcessorCount)).Select(_ => new Lane(bufferBytes))];
    }

    /// <summary>The size of a buffer in bytes, which is also the maximum size of a row.</summary>
    public int BufferBytes { get; }

    /// <summary>Fills the buffer with the source's bytes from an offset; called by several threads concurrently.</summary>
    public delegate void ReadBytes(long offset, Span<byte> buffer);

    /// <summary>Copies contiguous rows of the source to rows with a pitch on the device, and waits until the copy is complete.</summary>
    /// <remarks>Waits for the device's work first, because work on TorchSharp's stream may still read the memory that TorchSharp has
    /// reused for the destination.</remarks>
    /// <param name="destination">The device address of the first row.</param>
    /// <param name="pitch">The distance in bytes between the starts of consecutive rows; <paramref name="rowBytes"/> if there is no
    /// gap.</param>
    /// <param name="rowBytes">The size of a row in bytes.</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="read">Reads the source. If it throws, the exception is rethrown once no copy is in progress.</param>
    public void Copy(nint destination, long pitch, long rowBytes, long rows, ReadBytes read)
    {
        ArgumentNullException.ThrowIfNull(read);
        ArgumentOutOfRangeException.ThrowIfLessThan(pitch, rowBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rowBytes, BufferBytes);
        var rowsAtOnce = BufferBytes / rowBytes;
        var pieces = (rows + rowsAtOnce - 1) / rowsAtOnce;
        var next = -1L;
        _device.Synchronize();
        try
        {
            Parallel.For(0, (int)Math.Min(_lanes.Length, pieces), lane =>
            {
                _device.MakeCurrent();
                try
                {
                    for (var piece = Interlocked.Increment(ref next); piece < pieces; piece = Interlocked.Increment(ref next))
                    {
                        var row = piece * rowsAtOnce;
                        var count = Math.Min(rowsAtOnce, rows - row);
                        _lanes[lane].Copy(destination + (nint)(row * pitch), pitch, rowBytes, count, row * rowBytes, read);
                    }
                }
                finally
                {
                    // The caller frees the destination even if a read failed, so no copy may be in progress.
                    _lanes[lane].Synchronize();
                }
            });
        }
        catch (AggregateException failures)
        {
            ExceptionDispatchInfo.Throw(failures.InnerExceptions[0]);       // the same exception as with a single thread
        }
    }

    public void Dispose()
    {
        _device.MakeCurrent();
        Array.ForEach(_lanes, lane => lane.Dispose());
    }

    /// <summary>A thread's stream and its two buffers; one is filled while the other is being copied.</summary>
    private sealed class Lane(int bufferBytes) : IDisposable
    {
        private readonly CudaStream _stream = CudaStream.Create();
        private readonly (PinnedMemory Memory, CudaEvent Copied)[] _buffers =
            [(PinnedMemory.Allocate(bufferBytes), CudaEvent.Create()), (PinnedMemory.Allocate(bufferBytes), CudaEvent.Create())];

        private int _turn;

        public unsafe void Copy(nint destination, long pitch, long rowBytes, long rows, long offset, ReadBytes read)
        {
            var (memory, copied) = _buffers[_turn++ % _buffers.Length];
            copied.Synchronize();
            read(offset, memory.AsSpan<byte>()[..(int)(rows * rowBytes)]);
            if (pitch == rowBytes)
            {
                Check(Driver.cuMemcpyHtoDAsync(destination, (void*)memory.Address, (nuint)(rows * rowBytes), _stream));
            }
            else
            {
                CopyRows(destination, pitch, memory.Address, rowBytes, rows);
            }

            copied.Record(_stream);
        }

        public void Synchronize() => _stream.Synchronize();

        private unsafe void CopyRows(nint destination, long pitch, nint source, long rowBytes, long rows)
        {
            var copy = new Driver.Copy2D
            {
                SourceType = Driver.MemoryTypeHost,
                SourceHost = source,
                SourcePitch = (nuint)rowBytes,
                DestinationType = Driver.MemoryTypeDevice,
                DestinationDevice = destination,
                DestinationPitch = (nuint)pitch,
                WidthInBytes = (nuint)rowBytes,
                Height = (nuint)rows,
            };
            Check(Driver.cuMemcpy2DAsync(&copy, _stream));
        }

        public void Dispose()
        {
            foreach (var (memory, copied) in _buffers)
            {
                memory.Dispose();
                copied.Dispose();
            }

            _stream.Dispose();
        }
    }
}
