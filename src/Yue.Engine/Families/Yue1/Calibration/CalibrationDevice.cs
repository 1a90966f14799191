using TorchSharp;
using Yue.Engine.Residency;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue1.Calibration;

/// <summary>The device on which the calibration songs are sung and the weights are rounded.</summary>
internal sealed class CalibrationDevice : IDeviceOptions, IDisposable
{
    private readonly string _name;

    /// <summary>Opens a device.</summary>
    /// <param name="name"><c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</param>
    /// <param name="cacheFolder">The folder for compiled kernels.</param>
    /// <exception cref="InvalidOperationException">There is no such device.</exception>
    /// <exception cref="NotSupportedException">The kernels do not run on the GPU.</exception>
    public CalibrationDevice(string name, string cacheFolder)
    {
        (_name, CacheFolder) = (name, cacheFolder);
        Device = ModelSet.TorchDevice(name);
        Gpu = Device.type == DeviceType.CUDA ? new Gpu(Device.index, this) : null;
    }

    public Device Device { get; }

    /// <summary>The GPU; null on the CPU.</summary>
    public Gpu? Gpu { get; }

    public string CacheFolder { get; }

    public string Weights => "bf16";

    public string KeyValueCache => "bf16";

    public int SongsAtOnce => 0;

    public int ContextTokens => 0;

    public int DeviceMemoryMegabytes => 0;

    string IDeviceOptions.Device => _name;

    /// <summary>Frees the memory of disposed tensors.</summary>
    public void ReleaseUnused() => Gpu?.ReleaseUnused();

    public void Dispose() => Gpu?.Dispose();
}
