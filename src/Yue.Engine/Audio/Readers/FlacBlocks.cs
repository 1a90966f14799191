using System.Buffers.Binary;

namespace Yue.Engine.Audio.Readers;

/// <summary>Checks a flac file before ffmpeg reads it.</summary>
internal static class FlacBlocks
{
    private const int PictureType = 6;
    private const int MaxBlocks = 1000;

    /// <summary>The type of a padding block, which decoders skip. The type byte of the last block also has its top bit set.</summary>
    public const byte PaddingType = 1;

    /// <summary>Returns true if a file has the signature of flac.</summary>
    public static bool HasSignature(ReadOnlySpan<byte> file) => file.StartsWith("fLaC"u8);

    /// <summary>Checks a file.</summary>
    /// <returns>The number of samples per channel that its header states (null if it states none), and the positions of the type bytes of
    /// its pictures.</returns>
    /// <exception cref="ClipFaultException">The file is truncated before its sound, or has too many blocks.</exception>
    public static (long? Length, IReadOnlyList<int> Pictures) Check(ReadOnlySpan<byte> file)
    {
        const ulong CountMask = (1UL << 36) - 1;
        const int CountOffset = 4 + 4 + 10;
        var (blocks, pictures) = (0, new List<int>());
        for (var (position, isLast) = (4, false); !isLast;
            position += 4 + (BinaryPrimitives.ReadInt32BigEndian(file[position..]) & 0xFF_FFFF))
        {
            if (position + 4 > file.Length)
            {
                throw new ClipFaultException("is cut short: it ends within its headers");
            }

            if (++blocks > MaxBlocks)
            {
                throw new ClipFaultException($"has more than {MaxBlocks} blocks before its sound");
            }

            isLast = (file[position] & 0x80) != 0;
            if ((file[position] & 0x7F) == PictureType)
            {
                pictures.Add(position);
            }
        }

        if (file.Length < CountOffset + 8)
        {
            throw new ClipFaultException("is cut short: it ends within its headers");
        }

        var count = (long)(BinaryPrimitives.ReadUInt64BigEndian(file[CountOffset..]) & CountMask);
        return (count == 0 ? null : count, pictures);
    }
}
