using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Yue.Engine.Audio.Readers;

/// <summary>A chunk of a RIFF or IFF file.</summary>
/// <param name="Id">The four characters of its name.</param>
/// <param name="Start">The position of its content in the file.</param>
/// <param name="ClaimedSize">The size of its content in bytes, as stated in its header.</param>
/// <param name="Size">The number of content bytes that the file actually has.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Chunk(string Id, int Start, uint ClaimedSize, int Size)
{
    /// <summary>True if the file ends before the chunk does.</summary>
    public bool IsCut => ClaimedSize > Size;
}

/// <summary>Enumerates the chunks of a RIFF (WAV) or IFF (AIFF) file.</summary>
/// <remarks>NAudio's readers do this too, but trust the sizes: they allocate 2 GB for a chunk that claims to have 2 GB, and 8 million
/// objects for 8 million empty chunks. Here, a size is only compared with the size of the file.</remarks>
internal static class Chunks
{
    private const int HeaderSize = 8;
    private const int MaxChunks = 1000;

    /// <summary>Returns the chunks of a file in order. The last one may be truncated.</summary>
    /// <param name="file">The whole file, at least 12 bytes, beginning with the RIFF or IFF header.</param>
    /// <param name="isBigEndian">True if sizes are big-endian, as in IFF.</param>
    /// <param name="isLast">Returns true for the last chunk to read; its size may be a placeholder.</param>
    /// <exception cref="ClipFaultException">There are too many chunks.</exception>
    public static IReadOnlyList<Chunk> Read(ReadOnlySpan<byte> file, bool isBigEndian, Func<string, bool> isLast)
    {
        var chunks = new List<Chunk>();
        for (long position = 12; position + HeaderSize <= file.Length;)
        {
            var header = file.Slice((int)position, HeaderSize);
            var size = isBigEndian
                ? BinaryPrimitives.ReadUInt32BigEndian(header[4..])
                : BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
            var start = (int)position + HeaderSize;
            chunks.Add(new Chunk(Printable(header[..4]), start, size, (int)Math.Min(size, file.Length - start)));
            if (isLast(chunks[^1].Id))
            {
                break;
            }

            if (chunks.Count > MaxChunks)
            {
                throw new ClipFaultException($"has more than {MaxChunks} chunks before its sound");
            }

            // Chunks begin at even offsets.
            position = start + (long)size + (size & 1);
        }

        return chunks;
    }

    private static string Printable(ReadOnlySpan<byte> id)
    {
        Span<char> text = stackalloc char[id.Length];
        for (var i = 0; i < id.Length; i++)
        {
            text[i] = id[i] is >= 0x20 and < 0x7F ? (char)id[i] : '?';
        }

        return new string(text);
    }
}
