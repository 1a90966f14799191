using System.Runtime.ExceptionServices;
using static Yue.Cuda.CudaException;

namespace Yue.Cuda;

/// <summary>Copies large blocks to the device through pinned buffers: several
/// threads read while the copies of what they read before run.</summary>
/// <remarks>One caller at a time.</remarks>
public sealed class DeviceUpload : IDisposable
{
    private const int MostLanes = 16;

    private readonly CudaDevice _device;
    private readonly Lane[] _lanes;

    /// <summary>Allocates the buffers: two a thread, and a thread a core up to sixteen.</summary>
    /// <param name="device">Where the bytes go.</param>
    /// <param name="bufferBytes">Bytes of a buffer.</param>
    public DeviceUpload(CudaDevice device, int bufferBytes = 4 << 20)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bufferBytes);
        (_device, BufferBytes) = (device, bufferBytes);
        device.MakeCurrent();
        _lanes = [.. Enumerable.Range(0, Math.Min(MostLanes, Environment.ProcessorCount)).Select(_ => new Lane(bufferBytes))];
    }

    /// <summary>Bytes of a buffer, and of a row at most.</summary>
    public int BufferBytes { get; }

    /// <summary>Fills the buffer with the source's bytes from an offset on; called by several threads at once.</summary>
    public delegate void ReadBytes(long offset, Span<byte> buffer);

    /// <summary>Copies rows that lie without gaps in the source to rows at a pitch on the device, and waits until they are there.</summary>
    /// <remarks>Waits for the device's work first: memory that TorchSharp hands
    /// out again may still be read by what it put on its stream.</remarks>
    /// <param name="destination">The device address of the first row.</param>
    /// <param name="pitch">Bytes from one row's start to the next one's; <paramref name="rowBytes"/> where there is no gap.</param>
    /// <param name="rowBytes">Bytes of a row.</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="read">Reads the source; what it throws is thrown once no copy is under way.</param>
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
                    // The destination is the caller's to free, also where a read failed.
                    _lanes[lane].Synchronize();
                }
            });
        }
        catch (AggregateException failures)
        {
            ExceptionDispatchInfo.Throw(failures.InnerExceptions[0]);       // as where one thread reads
        }
    }

    public void Dispose()
    {
        _device.MakeCurrent();
        Array.ForEach(_lanes, lane => lane.Dispose());
    }

    /// <summary>A thread's stream and its two buffers: one is filled while the other is copied.</summary>
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
