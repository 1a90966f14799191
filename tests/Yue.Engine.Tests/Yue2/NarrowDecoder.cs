using Yue.Engine.Families.Yue2.Stages;

namespace Yue.Engine.Tests.Yue2;

/// <summary>A decoder with room for one stage at a time.</summary>
internal sealed class NarrowDecoder(IStageDecoder decoder) : IStageDecoder
{
    private Sequence? _open;

    public int ContextLength => decoder.ContextLength;

    public IStageSequence? TryOpen(StageOrder order) =>
        _open is null or { IsDisposed: true } ? _open = new Sequence(decoder.TryOpen(order)!) : null;

    public void Advance(IReadOnlyList<IStageSequence> sequences) =>
        decoder.Advance([.. sequences.Cast<Sequence>().Select(sequence => sequence.Inner)]);

    public void Dispose() => decoder.Dispose();

    private sealed class Sequence(IStageSequence inner) : IStageSequence
    {
        public IStageSequence Inner => inner;

        public bool IsDisposed { get; private set; }

        public int Unread => inner.Unread;

        public IReadOnlyList<int> Tokens => inner.Tokens;

        public bool IsComplete => inner.IsComplete;

        public bool IsTruncated => inner.IsTruncated;

        public void Read() => inner.Read();

        public void Dispose()
        {
            IsDisposed = true;
            inner.Dispose();
        }
    }
}
