namespace Yue.Cuda.Decode;

/// <summary>The progress of a song: the number of drawn ids, and whether the device has stopped it.</summary>
public readonly record struct SongProgress(int Step, bool Stopped);

/// <summary>The last ids of several songs, which a sampler kernel writes to host memory.</summary>
/// <remarks>The device writes to this memory, so all kernels that use it must have ended before it is disposed.</remarks>
internal sealed class SampledIds(int songs) : IDisposable
{
    /// <summary>The number of ids that are kept per song.</summary>
    public const int RingSize = 256;

    private readonly PinnedMemory _memory = PinnedMemory.Allocate((long)songs * (RingSize + 1) * sizeof(int));

    /// <summary>The address for the kernel: [songs, <see cref="RingSize"/>] ids, then [songs] counts, negative once a song has
    /// stopped.</summary>
    public nint Address => _memory.Address;

    /// <summary>Sets the number of ids that a song has drawn.</summary>
    public void Begin(int song, int step) => _memory.AsSpan<int>()[(songs * RingSize) + song] = step;

    /// <summary>Returns the state of a song after its last finished step.</summary>
    public SongProgress Progress(int song)
    {
        CheckSong(song);
        var count = Volatile.Read(ref _memory.AsSpan<int>()[(songs * RingSize) + song]);
        return new SongProgress(Math.Abs(count), count < 0);
    }

    /// <summary>Returns the id drawn at a step, which must be one of the last <see cref="RingSize"/> steps.</summary>
    public int IdAt(int song, int step)
    {
        CheckSong(song);
        return _memory.AsSpan<int>()[(song * RingSize) + (step % RingSize)];
    }

    public void CheckSong(int song)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(song);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(song, songs);
    }

    public void Dispose() => _memory.Dispose();
}
