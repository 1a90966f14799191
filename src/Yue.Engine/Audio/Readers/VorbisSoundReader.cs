using NVorbis;

namespace Yue.Engine.Audio.Readers;

/// <summary>Reads a Vorbis stream of an Ogg file with NVorbis.</summary>
internal sealed class VorbisSoundReader : ISoundReader
{
    private readonly StreamDecoder _decoder;
    private long _left;

    /// <summary>Opens a stream.</summary>
    /// <param name="ogg">An Ogg file with a Vorbis stream.</param>
    /// <param name="cancel">Checked per packet.</param>
    /// <exception cref="ClipFaultException">The headers are incomplete or invalid, would need too much memory, or state too many
    /// channels.</exception>
    public VorbisSoundReader(OggFile ogg, CancellationToken cancel)
    {
        VorbisSetup.Check([.. ogg.Packets().Take(3)]);
        _decoder = new StreamDecoder(new VorbisPackets(ogg, cancel)) { ClipSamples = false };
        Length = ogg.LastGranule;
        IsCut = ogg.IsCut;
        _left = Length * Channels;
    }

    public int Channels => _decoder.Channels;

    public int SampleRateHz => _decoder.SampleRate;

    public long Length { get; }

    public long? ClaimedLength => null;

    public bool IsCut { get; }

    public int Read(Span<float> interleaved)
    {
        var wanted = (int)Math.Min(interleaved.Length / Channels * Channels, _left);
        var read = wanted == 0 ? 0 : _decoder.Read(interleaved, 0, wanted);
        _left -= read;
        return read;
    }

    public void Dispose() => _decoder.Dispose();
}
