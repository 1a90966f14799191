using System.Buffers.Binary;
using System.Text;

namespace Yue.Engine.Tensors.Native;

/// <summary>Edits the symbol version requirements (<c>.gnu.version_r</c>) of a 64-bit little-endian ELF image in memory.</summary>
/// <remarks>The layout is defined in the System V ABI and the Linux Standard Base, "Symbol Versioning".</remarks>
public static class ElfVersionNeeds
{
    private const uint SectionTypeVersionNeeds = 0x6ffffffe;
    private const ushort WeakFlag = 0x2;

    /// <summary>Marks every requirement for <paramref name="version"/> as weak, so that a library without it is accepted.</summary>
    /// <returns>The number of entries that were marked.</returns>
    public static int Weaken(Span<byte> image, string version)
    {
        if (image.Length < 64 || !image[..6].SequenceEqual((ReadOnlySpan<byte>)[0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1]))
        {
            throw new InvalidDataException("not a 64-bit little-endian ELF file");
        }

        var sections = (int)U64(image, 0x28);
        var sectionSize = U16(image, 0x3a);
        var marked = 0;
        for (var i = 0; i < U16(image, 0x3c); i++)
        {
            var section = sections + (i * sectionSize);
            if (U32(image, section + 4) == SectionTypeVersionNeeds)
            {
                var strings = sections + ((int)U32(image, section + 0x28) * sectionSize);
                marked += WeakenSection(image, (int)U64(image, section + 0x18), (int)U64(image, strings + 0x18), version);
            }
        }

        return marked;
    }

    private static int WeakenSection(Span<byte> image, int need, int strings, string version)
    {
        var marked = 0;
        for (var more = true; more;)
        {
            var entry = need + (int)U32(image, need + 8);
            for (var left = U16(image, need + 2); left > 0; left--)
            {
                if (StringAt(image, strings + (int)U32(image, entry + 8)) == version)
                {
                    BinaryPrimitives.WriteUInt16LittleEndian(image[(entry + 4)..], (ushort)(U16(image, entry + 4) | WeakFlag));
                    marked++;
                }

                entry += (int)U32(image, entry + 12);
            }

            var next = (int)U32(image, need + 12);
            more = next != 0;
            need += next;
        }

        return marked;
    }

    private static string StringAt(ReadOnlySpan<byte> image, int offset)
    {
        var rest = image[offset..];
        return Encoding.ASCII.GetString(rest[..rest.IndexOf((byte)0)]);
    }

    private static ushort U16(ReadOnlySpan<byte> image, int offset) => BinaryPrimitives.ReadUInt16LittleEndian(image[offset..]);

    private static uint U32(ReadOnlySpan<byte> image, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(image[offset..]);

    private static ulong U64(ReadOnlySpan<byte> image, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(image[offset..]);
}
