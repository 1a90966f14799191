using NAudio.Wave;
using NLayer;

namespace Yue.Engine.Audio.Readers;

/// <summary>Adapts a frame of NAudio to NLayer's interface.</summary>
internal sealed class NLayerFrame : IMpegFrame
{
    private const int HeaderBytes = 4;
    private const int CrcBytes = 2;

    private Mp3Frame? _frame;
    private byte[] _data = [];
    private long _bit;

    public int SampleRate => Frame.SampleRate;

    public int SampleRateIndex => (_data[2] >> 2) & 3;

    public int FrameLength => Frame.FrameLength;

    public int BitRate => Frame.BitRate;

    public NLayer.MpegVersion Version => Frame.MpegVersion switch
    {
        NAudio.Wave.MpegVersion.Version1 => NLayer.MpegVersion.Version1,
        NAudio.Wave.MpegVersion.Version2 => NLayer.MpegVersion.Version2,
        NAudio.Wave.MpegVersion.Version25 => NLayer.MpegVersion.Version25,
        _ => NLayer.MpegVersion.Unknown,
    };

    public NLayer.MpegLayer Layer => Frame.MpegLayer == NAudio.Wave.MpegLayer.Layer3 ? NLayer.MpegLayer.LayerIII : NLayer.MpegLayer.Unknown;

    public MpegChannelMode ChannelMode => Frame.ChannelMode switch
    {
        NAudio.Wave.ChannelMode.Stereo => MpegChannelMode.Stereo,
        NAudio.Wave.ChannelMode.JointStereo => MpegChannelMode.JointStereo,
        NAudio.Wave.ChannelMode.DualChannel => MpegChannelMode.DualChannel,
        _ => MpegChannelMode.Mono,
    };

    public int ChannelModeExtension => Frame.ChannelExtension;

    public int SampleCount => Frame.SampleCount;

    public int BitRateIndex => Frame.BitRateIndex;

    public bool IsCopyrighted => Frame.Copyright;

    public bool HasCrc => Frame.CrcPresent;

    public bool IsCorrupted => false;

    private Mp3Frame Frame => _frame ?? throw new InvalidOperationException("no frame was set");

    /// <summary>Sets the frame whose header and bits are read next.</summary>
    public void Set(Mp3Frame frame)
    {
        (_frame, _data) = (frame, frame.RawData ?? []);
        Reset();
    }

    public void Reset() => _bit = 8 * (HeaderBytes + (Frame.CrcPresent ? CrcBytes : 0));

    public int ReadBits(int bitCount)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bitCount, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bitCount, 32);
        if (_bit + bitCount > 8L * _data.Length)
        {
            throw new EndOfStreamException();
        }

        var value = 0u;
        for (var end = _bit + bitCount; _bit < end; _bit++)
        {
            value = (value << 1) | ((uint)(_data[_bit >> 3] >> (7 - (int)(_bit & 7))) & 1);
        }

        return (int)value;
    }
}
