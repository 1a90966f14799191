using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Yue.Cuda;

/// <summary>A driver call that failed.</summary>
public sealed class CudaException : Exception
{
    public CudaException(int error, string name, string call)
        : base($"CUDA error {error} ({name}) in {call}")
    {
        Error = error;
    }

    /// <summary>The CUresult.</summary>
    public int Error { get; }

    /// <summary>
    /// True if the context cannot be used again, so that a new process is needed: an illegal address (which kernels also cause on purpose
    /// to end a wait that hangs), a failed launch, an uncorrectable memory error, a lost device, a timeout. After an out-of-memory
    /// error (2), only the song that requested the memory fails, and the context stays usable.
    /// </summary>
    public bool IsContextDead => Error
        is 4 or 46 or 214 or 220 or 226
        or (>= 700 and <= 719 and not 701 and not 704 and not 705 and not 711 and not 712 and not 713)
        or 721 or 999;

    /// <summary>Throws unless <paramref name="result"/> is success; the exception contains the text of the call.</summary>
    internal static void Check(int result, [CallerArgumentExpression(nameof(result))] string call = "")
    {
        if (result != 0)
        {
            Throw(result, call);
        }
    }

    private static unsafe void Throw(int result, string call)
    {
        var name = "unknown";
        if (Driver.cuGetErrorName(result, out var text) == 0 && text is not null)
        {
            name = Marshal.PtrToStringUTF8((nint)text) ?? name;
        }

        if (Driver.cuGetErrorString(result, out text) == 0 && text is not null)
        {
            name += ": " + Marshal.PtrToStringUTF8((nint)text);
        }

        throw new CudaException(result, name, call);
    }
}
