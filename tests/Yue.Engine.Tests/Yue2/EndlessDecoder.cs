using Yue.Engine.Families.Yue2.Stages;

namespace Yue.Engine.Tests.Yue2;

/// <summary>A decoder whose stages never sample their end id.</summary>
internal sealed class EndlessDecoder(IStageDecoder decoder) : IStageDecoder
{
    public int ContextLength => decoder.ContextLength;

    public IStageSequence? TryOpen(StageOrder order) =>
        decoder.TryOpen(order with { Sampling = order.Sampling with { MinTokens = order.Sampling.MaxTokens } });

    public void Advance(IReadOnlyList<IStageSequence> sequences) => decoder.Advance(sequences);

    public void Dispose() => decoder.Dispose();
}
