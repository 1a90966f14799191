using System.Buffers.Binary;
using System.Runtime.InteropServices;
using NAudio.Wave;

namespace Yue.Engine.Audio.Readers;

/// <summary>The data that an encoder writes into a first frame without sound: a Xing or Info header with LAME's fields, or a VBRI
/// header.</summary>
/// <param name="IsPresent">True if the first frame is such a frame.</param>
/// <param name="Frames">The number of frames with sound; null if it is not stated.</param>
/// <param name="Delay">The number of samples that the encoder added before the sound; null if not stated.</param>
/// <param name="Padding">The number of samples that the encoder added after the sound; null if not stated.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Mp3Info(bool IsPresent, int? Frames, int? Delay, int? Padding)
{
    private const int VbriOffset = 36;

    // From the start of LAME's part, which consists of its name (9 bytes) and fields. Only the delay and the padding are used.
    private const int DelayOffset = 21;

    /// <summary>Reads the first frame of a file.</summary>
    public static Mp3Info Read(Mp3Frame frame)
    {
        var data = frame.RawData.AsSpan();
        if (data.Length >= VbriOffset + 18 && data.Slice(VbriOffset, 4).SequenceEqual("VBRI"u8))
        {
            return new(true, BinaryPrimitives.ReadInt32BigEndian(data[(VbriOffset + 14)..]), null, null);
        }

        var isMono = frame.ChannelMode == ChannelMode.Mono;
        var offset = 4 + (frame.MpegVersion == MpegVersion.Version1 ? isMono ? 17 : 32 : isMono ? 9 : 17);
        if (data.Length < offset + 8 || !(data.Slice(offset, 4).SequenceEqual("Xing"u8) || data.Slice(offset, 4).SequenceEqual("Info"u8)))
        {
            return default;
        }

        var flags = data[offset + 7];
        var hasFrames = (flags & 1) != 0 && data.Length >= offset + 12;
        int? frames = hasFrames ? BinaryPrimitives.ReadInt32BigEndian(data[(offset + 8)..]) : null;
        var lame = offset + 8 + ((flags & 1) != 0 ? 4 : 0) + ((flags & 2) != 0 ? 4 : 0)
            + ((flags & 4) != 0 ? 100 : 0) + ((flags & 8) != 0 ? 4 : 0);
        if (data.Length < lame + DelayOffset + 3 || !IsEncoder(data.Slice(lame, 4)))
        {
            return new(true, frames, null, null);
        }

        // 12 bits each.
        var delays = data.Slice(lame + DelayOffset, 3);
        return new(true, frames, (delays[0] << 4) | (delays[1] >> 4), ((delays[1] & 0xF) << 8) | delays[2]);
    }

    private static bool IsEncoder(ReadOnlySpan<byte> name) =>
        name.SequenceEqual("LAME"u8) || name.SequenceEqual("Lavf"u8) || name.SequenceEqual("Lavc"u8);
}
