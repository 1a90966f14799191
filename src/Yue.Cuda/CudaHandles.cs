using Microsoft.Win32.SafeHandles;
using static Yue.Cuda.CudaException;

namespace Yue.Cuda;

/// <summary>A stream: an ordered queue of work on the device. Streams created here do not wait for the default stream.</summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Naming", "CA1711", Justification = "CUDA's own term.")]
public sealed class CudaStream : SafeHandleZeroOrMinusOneIsInvalid
{
    private const uint NonBlocking = 1;
    private const nint LegacyHandle = 1;        // CU_STREAM_LEGACY

    public CudaStream()
        : base(ownsHandle: true)
    {
    }

    private CudaStream(nint handle)
        : base(ownsHandle: false)
    {
        SetHandle(handle);
    }

    /// <summary>The legacy default stream, which TorchSharp uses.</summary>
    public static CudaStream Legacy { get; } = new(LegacyHandle);

    public static CudaStream Create()
    {
        Check(Driver.cuStreamCreate(out var stream, NonBlocking));
        return stream;
    }

    public void Synchronize() => Check(Driver.cuStreamSynchronize(this));

    protected override bool ReleaseHandle() => Driver.cuStreamDestroy(handle) == 0;
}

/// <summary>A point in a stream's work.</summary>
public sealed class CudaEvent : SafeHandleZeroOrMinusOneIsInvalid
{
    public CudaEvent()
        : base(ownsHandle: true)
    {
    }

    public static CudaEvent Create()
    {
        Check(Driver.cuEventCreate(out var created, 0));
        return created;
    }

    public void Record(CudaStream stream) => Check(Driver.cuEventRecord(this, stream));

    public void Synchronize() => Check(Driver.cuEventSynchronize(this));

    public float MillisecondsSince(CudaEvent start)
    {
        Check(Driver.cuEventElapsedTime(out var milliseconds, start, this));
        return milliseconds;
    }

    protected override bool ReleaseHandle() => Driver.cuEventDestroy(handle) == 0;
}

/// <summary>A sequence of launches that is recorded once and replayed with one call.</summary>
public sealed class CudaGraph : SafeHandleZeroOrMinusOneIsInvalid
{
    private const int ThreadLocal = 1;

    public CudaGraph()
        : base(ownsHandle: true)
    {
    }

    /// <summary>Records the launches of <paramref name="work"/> on the stream without running them.</summary>
    public static CudaGraph Capture(CudaStream stream, Action work)
    {
        ArgumentNullException.ThrowIfNull(work);
        Check(Driver.cuStreamBeginCapture(stream, ThreadLocal));
        nint graph;
        try
        {
            work();
        }
        finally
        {
            Check(Driver.cuStreamEndCapture(stream, out graph));
        }

        try
        {
            Check(Driver.cuGraphInstantiateWithFlags(out var executable, graph, 0));
            return executable;
        }
        finally
        {
            _ = Driver.cuGraphDestroy(graph);
        }
    }

    public void Launch(CudaStream stream) => Check(Driver.cuGraphLaunch(this, stream));

    protected override bool ReleaseHandle() => Driver.cuGraphExecDestroy(handle) == 0;
}
