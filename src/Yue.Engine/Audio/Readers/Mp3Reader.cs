using NAudio.Wave;
using NLayer;

namespace Yue.Engine.Audio.Readers;

/// <summary>Reads an mp3 file: NAudio finds its frames, and NLayer decodes them.</summary>
/// <remarks>A frame that cannot be decoded is silent, so that the following frames keep their positions.</remarks>
internal sealed class Mp3Reader : ISoundReader
{
    /// <summary>The delay of every mp3 decoder's filter bank, which is not part of the delay that an encoder writes into the
    /// file.</summary>
    private const int DecoderDelay = 529;

    private readonly MemoryStream _file;
    private readonly Mp3Frames _frames;
    private readonly MpegFrameDecoder _decoder = new();
    private readonly NLayerFrame _frame = new();
    private readonly float[] _decoded = new float[1152 * 2];
    private readonly FrameSamples _samples;
    private readonly long _skip;      // the number of samples to skip, per channel
    private int _next;

    /// <summary>Opens a file.</summary>
    /// <param name="file">The whole file.</param>
    /// <param name="maxSeconds">Counting stops soon after this length. The <see cref="Length"/> of a longer file is therefore too short,
    /// but still exceeds this limit.</param>
    /// <param name="cancel">Checked per frame.</param>
    /// <exception cref="ClipFaultException">The file has no Layer III frames, or changes between mono and stereo.</exception>
    public Mp3Reader(byte[] file, int maxSeconds, CancellationToken cancel)
    {
        _file = new MemoryStream(file, writable: false);
        _frames = Mp3Frames.Find(_file, maxSeconds, cancel);
        _skip = _frames.Info.Delay is { } delay ? delay + DecoderDelay : 0;
        Length = Trimmed(_frames.Count);
        ClaimedLength = _frames.Info.Frames is { } claimed ? Trimmed(claimed) : null;
        _samples = new FrameSamples(_decoded, _skip * Channels, Length * Channels, DecodeNext);
    }

    public int Channels => _frames.Channels;

    public int SampleRateHz => _frames.SampleRateHz;

    public long Length { get; }

    public long? ClaimedLength { get; }

    public bool IsCut => _frames.IsCut;

    public int DamagedFrames { get; private set; }

    public int Read(Span<float> interleaved) => _samples.Read(interleaved, Channels);

    public void Dispose() => _file.Dispose();

    private long Trimmed(int frames)
    {
        var padding = _frames.Info.Padding is { } stated ? Math.Max(0, stated - DecoderDelay) : 0;
        return Math.Max(0, ((long)frames * _frames.SamplesPerFrame) - _skip - padding);
    }

    private int? DecodeNext()
    {
        if (_next == _frames.Count)
        {
            return null;
        }

        _file.Position = _frames.Offsets[_next++];
        var samples = _frames.SamplesPerFrame * Channels;
        if (Decode(Mp3Frame.LoadFromStream(_file)) != samples)
        {
            // The frame is damaged, or it refers to bits of earlier frames that are missing, because the file was cut out of a longer one.
            _decoded.AsSpan(0, samples).Clear();
            DamagedFrames++;
        }

        return samples;
    }

    private int Decode(Mp3Frame? frame)
    {
        if (frame is null)
        {
            return 0;
        }

        _frame.Set(frame);
        try
        {
            return _decoder.DecodeFrame(_frame, _decoded.AsSpan());
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Damaged data makes NLayer throw exceptions of several types; after a reset, the next frame does not depend on the damaged
            // one.
            _decoder.Reset();
            return 0;
        }
    }
}
