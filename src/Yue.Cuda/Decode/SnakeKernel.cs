using Yue.Cuda.Compilation;

namespace Yue.Cuda.Decode;

/// <summary>The activation x + sin²(speed · x) · strength with two parameters per channel, in float32.</summary>
/// <remarks>Not thread-safe.</remarks>
public sealed unsafe class SnakeKernel : IDisposable
{
    private const string Source = "snake.cu";
    private const int Threads = 256;
    private const int ValuesPerBlock = 4 * Threads;     // 4 is PER_THREAD of snake.cu

    private readonly CudaModule _module;
    private readonly CudaKernel _snake;

    public SnakeKernel(CudaDevice device, KernelCache kernels)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(kernels);
        _module = kernels.Load(device, Source);
        _snake = _module.Kernel("snake");
    }

    /// <summary>The kernel file to compile.</summary>
    public static KernelBuild Build { get; } = new(Source, []);

    /// <summary>Computes the activation of every value.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="x">[channels, length].</param>
    /// <param name="speed">[channels].</param>
    /// <param name="strength">[channels].</param>
    /// <param name="y">Receives [channels, length]; may be <paramref name="x"/>.</param>
    /// <param name="channels">The number of channels, at most 65,535.</param>
    /// <param name="length">The number of values per channel.</param>
    public void Apply(CudaStream stream, nint x, nint speed, nint strength, nint y, int channels, long length)
    {
        var blocks = checked((int)((length + ValuesPerBlock - 1) / ValuesPerBlock));
        _snake.Launch(
            stream, (blocks, channels), Threads, 0, cooperative: false,
            [(nint)(&x), (nint)(&speed), (nint)(&strength), (nint)(&y), (nint)(&length)]);
    }

    public void Dispose() => _module.Dispose();
}
