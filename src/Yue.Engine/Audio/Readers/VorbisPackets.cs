using NVorbis;
using NVorbis.Contracts;

namespace Yue.Engine.Audio.Readers;

/// <summary>Adapts the packets of an Ogg file to NVorbis's interface.</summary>
/// <remarks>The decoder gets empty comments instead of the file's, which may contain pictures or claim to contain gigabytes of
/// text.</remarks>
internal sealed class VorbisPackets(OggFile ogg, CancellationToken cancel) : NVorbis.Contracts.IPacketProvider
{
    private const int CommentPacket = 1;

    // The signature, an empty vendor, no comments, the framing bit.
    private static readonly byte[] EmptyComments = [.. "\u0003vorbis"u8, 0, 0, 0, 0, 0, 0, 0, 0, 1];

    private readonly IEnumerator<OggPacket> _packets = ogg.Packets().GetEnumerator();
    private IPacket? _peeked;
    private int _count;

    public bool CanSeek => false;

    public int StreamSerial => 0;

    public IPacket? GetNextPacket()
    {
        var packet = PeekNextPacket();
        _peeked = null;
        return packet;
    }

    public IPacket? PeekNextPacket()
    {
        cancel.ThrowIfCancellationRequested();
        if (_peeked is null && _packets.MoveNext())
        {
            var packet = _packets.Current;
            _peeked = new Packet(_count++ == CommentPacket ? EmptyComments : packet.Data)
            {
                GranulePosition = packet.Granule,
                IsEndOfStream = packet.IsLast,
            };
        }

        return _peeked;
    }

    public long SeekTo(long granulePos, int preRoll, GetPacketGranuleCount getPacketGranuleCount) => throw new NotSupportedException();

    public long GetGranuleCount() => ogg.LastGranule;

    /// <summary>The bits of a packet.</summary>
    internal sealed class Packet(ReadOnlyMemory<byte> data) : DataPacket
    {
        private int _next;

        protected override int TotalBits => data.Length * 8;

        protected override int ReadNextByte() => _next < data.Length ? data.Span[_next++] : -1;

        public override void Reset()
        {
            _next = 0;
            base.Reset();
        }
    }
}
