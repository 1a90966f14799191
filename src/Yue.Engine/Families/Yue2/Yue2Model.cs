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
/// <param name="host">The place to load it to.</param>
/// <param name="report">Called with the fraction done.</param>
internal delegate Yue2Model LoadYue2(string folder, Yue2Config config, ModelHost host, Action<double> report);

/// <summary>A checkpoint of YuE 2 in memory.</summary>
/// <param name="Decoder">Writes scores and music tokens.</param>
/// <param name="Flow">Renders music tokens.</param>
/// <param name="Weights">Owned by the model: the weights that both use.</param>
internal sealed record Yue2Model(IStageDecoder Decoder, IFlowModel Flow, IDisposable Weights) : IDisposable
{
    /// <summary>Loads a checkpoint to the CPU.</summary>
    public static Yue2Model Load(string folder, Yue2Config config, ModelHost host, Action<double> report)
    {
        const double LanguageShare = 0.6;
        using var checkpoint = SafetensorsCheckpoint.Open(folder);
        var source = new CheckpointTensors(checkpoint, ScalarType.Float32, host.Device);
        var language = new LlamaModel(config.Language, LlamaWeights.Load(config.Language, source, done => report(LanguageShare * done)));
        try
        {
            var flow = new FlowModel(config, source, language);
            report(1);
            return new Yue2Model(new TorchStageDecoder(language), flow, language);
        }
        catch
        {
            language.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Decoder.Dispose();
        Flow.Dispose();
        Weights.Dispose();
    }
}
