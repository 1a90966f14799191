using System.Buffers.Binary;
using Concentus;
using Concentus.Structs;

namespace Yue.Engine.Audio.Readers;

/// <summary>Reads an Opus stream of an Ogg file with Concentus (RFC 7845).</summary>
internal sealed class OpusReader : ISoundReader
{
    private const int RateHz = 48_000;
    private const int MaxPacketSamples = 5760;
    private const int HeaderSize = 19;
    private const int MaxHeaderVersion = 15;
    private const int HeaderPackets = 2;

    private readonly IEnumerator<OggPacket> _packets;
    private readonly IOpusMultiStreamDecoder _decoder;
    private readonly float[] _decoded;
    private readonly CancellationToken _cancel;
    private readonly FrameSamples _samples;

    // Without this, Concentus would look for a native library next to this program.
    static OpusReader() => OpusCodecFactory.AttemptToUseNativeLibrary = false;

    /// <summary>Opens a stream.</summary>
    /// <param name="ogg">An Ogg file with an Opus stream.</param>
    /// <param name="cancel">Checked per packet.</param>
    /// <exception cref="ClipFaultException">The header does not conform to RFC 7845, has a version that is not supported, or has too many
    /// channels.</exception>
    public OpusReader(OggFile ogg, CancellationToken cancel)
    {
        var header = ogg.Packets().First().Data.Span;
        if (header.Length < HeaderSize)
        {
            throw new ClipFaultException($"has an Opus header of {header.Length} bytes; at least {HeaderSize} are needed");
        }

        if (header[8] > MaxHeaderVersion)
        {
            throw new ClipFaultException($"has an Opus header of version {header[8]}; versions up to {MaxHeaderVersion} are supported");
        }

        Channels = header[9];
        var (streams, coupled, mapping) = Layout(header);
        _decoder = OpusCodecFactory.CreateMultiStreamDecoder(RateHz, Channels, streams, coupled, mapping, null);
        _decoder.Gain = BinaryPrimitives.ReadInt16LittleEndian(header[16..]);
        _decoded = new float[MaxPacketSamples * Channels];
        _packets = ogg.Packets().Skip(HeaderPackets).GetEnumerator();
        _cancel = cancel;

        var preSkip = BinaryPrimitives.ReadUInt16LittleEndian(header[10..]);
        Length = Math.Max(0, ogg.LastGranule - FirstGranule(ogg) - preSkip);
        IsCut = ogg.IsCut;
        _samples = new FrameSamples(_decoded, (long)preSkip * Channels, Length * Channels, DecodeNext);
    }

    public int Channels { get; }

    public int SampleRateHz => RateHz;

    public long Length { get; }

    public long? ClaimedLength => null;

    public bool IsCut { get; }

    public int Read(Span<float> interleaved) => _samples.Read(interleaved, Channels);

    public void Dispose() => _packets.Dispose();

    private int? DecodeNext()
    {
        _cancel.ThrowIfCancellationRequested();
        if (!_packets.MoveNext())
        {
            return null;
        }

        var samples = _decoder.DecodeMultistream(_packets.Current.Data.Span, _decoded, MaxPacketSamples, false);
        return Math.Max(0, samples) * Channels;
    }

    private static (int Streams, int Coupled, byte[] Mapping) Layout(ReadOnlySpan<byte> header)
    {
        var (channels, family) = (header[9], header[18]);
        if (channels is 0 or > ClipFaults.MaxChannels)
        {
            throw new ClipFaultException(ClipFaults.HasChannels(channels));
        }

        if (family == 0 && channels is 1 or 2)
        {
            return (1, channels - 1, channels == 1 ? [0] : [0, 1]);
        }

        if (family == 0)
        {
            throw new ClipFaultException($"has an Opus header with {channels} channels and mapping family 0, which allows 1 or 2");
        }

        var size = HeaderSize + 2 + channels;
        if (header.Length < size)
        {
            throw new ClipFaultException(
                $"has an Opus header of {header.Length} bytes; with its channel mapping table, at least {size} are needed");
        }

        return (header[19], header[20], header[(HeaderSize + 2)..size].ToArray());
    }

    /// <summary>Returns the start position of the stream if it was cut out of a longer one; otherwise 0 (RFC 7845, 4.3).</summary>
    private static long FirstGranule(OggFile ogg)
    {
        var samples = 0L;
        foreach (var packet in ogg.Packets().Skip(HeaderPackets))
        {
            samples += packet.Data.Length == 0 ? 0 : OpusPacketInfo.GetNumSamples(packet.Data.Span, RateHz);
            if (packet.Granule is { } granule)
            {
                return packet.IsLast ? 0 : Math.Max(0, granule - samples);
            }
        }

        return 0;
    }
}
