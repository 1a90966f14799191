using Xunit;
using Yue.Cuda;
using Yue.Cuda.Compilation;
using Yue.Engine.Scheduling;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Gpu;

/// <summary>The first GPU. Tests that need one are skipped if there is none. Kernels are compiled once for all tests.</summary>
internal static class TestGpu
{
    /// <summary>Compiles kernels in parallel if there is a GPU, because tests would otherwise compile them one after another.</summary>
    public static void Compile(IEnumerable<KernelBuild> builds)
    {
        using var device = CudaDevice.TryOpen(0, out _);
        if (device is not null && cuda.is_available())
        {
            using var gpu = new Yue.Engine.Residency.Gpu(0, new EngineOptions());
            gpu.BeginCompiling([.. builds]);
            _ = gpu.Kernels;
        }
    }

    /// <summary>Opens the GPU as the engine does; the caller disposes it.</summary>
    /// <param name="weights"><c>bf16</c>, <c>int8</c>, <c>fp8</c>, <c>int6</c>, <c>int4</c> or <c>f32</c>.</param>
    /// <param name="cache"><c>bf16</c>, <c>fp8</c> or <c>f32</c>; null selects the one that matches the weights.</param>
    public static Yue.Engine.Residency.Gpu Open(string weights, string? cache = null)
    {
        using var device = CudaDevice.TryOpen(0, out var reason);
        Assert.SkipUnless(device is not null, reason ?? "no GPU");
        Assert.SkipUnless(cuda.is_available(), "TorchSharp's CUDA libraries are not installed");
        return new Yue.Engine.Residency.Gpu(
            0, new EngineOptions { Weights = weights, KeyValueCache = cache ?? (weights == "f32" ? "f32" : "bf16") });
    }
}
