using Yue.Engine.Llama;
using Yue.Engine.Residency;

namespace Yue.Engine.Families.Yue1.Stage2;

/// <summary>The stage-2 checkpoint in memory.</summary>
/// <param name="Decoder">Adds the residual codebooks.</param>
/// <param name="Weights">The decoder's model.</param>
internal sealed record Stage2Model(IStage2Decoder Decoder, LlamaModel Weights) : IDisposable
{
    /// <summary>Loads the checkpoint.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="config">Its dimensions.</param>
    /// <param name="cpuRows">The number of rows per step on the CPU.</param>
    /// <param name="host">The device and memory to load it into.</param>
    /// <param name="report">Called with the fraction done.</param>
    public static Stage2Model Load(string folder, LlamaConfig config, int cpuRows, ModelHost host, Action<double> report)
    {
        var model = LlamaLoader.Load(config, folder, host, report, scoredIds: CudaStage2Decoder.ScoredIds);
        try
        {
            IStage2Decoder decoder = host.Gpu is null
                ? new TorchStage2Decoder(model, cpuRows, Stage2Mask.SlotExact)
                : new CudaStage2Decoder(model, host.Gpu, host.Plan.Capacity.Rows);
            return new Stage2Model(decoder, model);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Decoder.Dispose();
        Weights.Dispose();
    }
}
