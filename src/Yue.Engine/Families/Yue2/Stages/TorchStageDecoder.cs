using Yue.Engine.Llama;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue2.Stages;

/// <summary>The stage decoder for the CPU, which uses the plain model. In each step, it writes one id of each song in
/// turn.</summary>
/// <param name="model">The language model; the caller owns it.</param>
public sealed class TorchStageDecoder(LlamaModel model) : IStageDecoder
{
    public int ContextLength => model.Config.MaxPositions;

    public IStageSequence? TryOpen(StageOrder order) => order.FaultOf(ContextLength) is { } fault
        ? throw new SongRequestException(fault)
        : new StageWriter(model, order);

    public void Advance(IReadOnlyList<IStageSequence> sequences)
    {
        foreach (var writer in sequences.Cast<StageWriter>())
        {
            writer.Write();
        }
    }

    public void Dispose()
    {
    }
}
