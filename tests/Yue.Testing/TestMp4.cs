using System.Buffers.Binary;

namespace Yue.Testing;

/// <summary>Builds hostile mp4 files.</summary>
public static class TestMp4
{
    /// <summary>Returns nested boxes, each of which contains only the next.</summary>
    public static byte[] Nested(int depth)
    {
        byte[] file = [0, 0, 0, 16, .. "ftypM4A "u8, 0, 0, 0, 0, .. new byte[8 * depth]];
        for (var i = 0; i < depth; i++)
        {
            BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(16 + (8 * i)), 8 * (depth - i));
            "udta"u8.CopyTo(file.AsSpan(20 + (8 * i)));
        }

        return file;
    }
}
