using Yue.Engine.Tensors.Native;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Layers;

/// <summary>Owns the weights of one model: all tensors that its construction left in a dispose scope.</summary>
internal sealed class WeightOwner : IDisposable
{
    private readonly IDisposable[] _weights;

    private WeightOwner(IDisposable[] weights) => _weights = weights;

    public void Dispose()
    {
        foreach (var weight in _weights)
        {
            weight.Dispose();
        }
    }

    /// <summary>Builds a model; if that throws, the weights read so far are freed.</summary>
    /// <param name="source">The source, which must be float32, because these models run in float32 on every device (docs/model.md).</param>
    /// <param name="build">Reads the weights on the calling thread. The modules that it creates only keep references to them.</param>
    public static (WeightOwner Owner, T Parts) Load<T>(ITensorSource source, Func<T> build)
    {
        if (source.Dtype != ScalarType.Float32)
        {
            throw new ArgumentException($"the weights are {source.Dtype}, expected Float32", nameof(source));
        }

        if (source.Device.type == TorchSharp.DeviceType.CUDA)
        {
            // By default, cuDNN's convolutions round float32 operands to 10 bits of mantissa; the samples would then differ from the
            // reference by more than 1e-4 of the peak. The setting applies to the whole process.
            backends.cudnn.allow_tf32 = false;
        }

        MklFunctions.Choose();
        using var gradients = no_grad();
        using var scope = NewDisposeScope();
        var parts = build();
        IDisposable[] weights = [.. scope.DisposablesView];
        scope.Detach(weights);
        return (new WeightOwner(weights), parts);
    }
}
