using Yue.Cuda.Decode;
using Yue.Engine.Families.Yue2.Backbone;
using Yue.Engine.Families.Yue2.Flow;
using Yue.Engine.Families.Yue2.Stages;
using Yue.Engine.Llama;
using Yue.Engine.Residency;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue2;

/// <summary>Loads a checkpoint of YuE 2.</summary>
/// <param name="folder">Its folder.</param>
/// <param name="config">Its dimensions.</param>
/// <param name="host">The device and memory to load it into.</param>
/// <param name="report">Called with the fraction done.</param>
internal delegate Yue2Model LoadYue2(string folder, Yue2Config config, ModelHost host, Action<double> report);

/// <summary>A checkpoint of YuE 2 in memory.</summary>
/// <param name="Decoder">Writes scores and music tokens.</param>
/// <param name="Flow">Renders music tokens.</param>
/// <param name="Shared">The objects that both use, in the order in which this model disposes them.</param>
internal sealed record Yue2Model(IStageDecoder Decoder, IFlowModel Flow, IReadOnlyList<IDisposable> Shared) : IDisposable
{
    /// <summary>Loads a checkpoint onto the CPU in float32, or onto a GPU in the types that the settings name.</summary>
    public static Yue2Model Load(string folder, Yue2Config config, ModelHost host, Action<double> report)
    {
        const double LanguageShare = 0.6;
        var loaded = new Stack<IDisposable>();
        T Own<T>(T part)
            where T : IDisposable
        {
            loaded.Push(part);
            return part;
        }

        try
        {
            var language = Own(LlamaLoader.Load(config.Language, folder, host, done => report(LanguageShare * done)));
            using var checkpoint = SafetensorsCheckpoint.Open(folder);
            var plain = new CheckpointTensors(checkpoint, ScalarType.Float32, host.Device, host.Gpu?.Upload);
            if (host.Gpu is not { } gpu)
            {
                var flow = Own(new FlowModel(config, plain, language));
                report(1);
                return new Yue2Model(new TorchStageDecoder(language), flow, [language]);
            }

            var decoder = Own(new CudaStageDecoder(language, gpu, host.Plan.Capacity.Songs));
            var blocks = new CheckpointTensors(checkpoint, gpu.Dtype, host.Device, gpu.Upload);
            var kernels = gpu.Dtype == ScalarType.BFloat16 ? Own(new BlockKernels(gpu.Device, gpu.Kernels)) : null;
            var flowOnGpu = Own(new FlowModel(config, plain, language, blocks, kernels) { Cache = decoder.Chunks });
            report(1);
            return new Yue2Model(decoder, flowOnGpu, kernels is null ? [language] : [kernels, language]);
        }
        catch
        {
            while (loaded.TryPop(out var part))
            {
                part.Dispose();
            }

            throw;
        }
    }

    public void Dispose()
    {
        Flow.Dispose();
        Decoder.Dispose();
        foreach (var part in Shared)
        {
            part.Dispose();
        }
    }
}
