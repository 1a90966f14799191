using System.Runtime.InteropServices;
using System.Text;

namespace Yue.Cuda.Tests;

/// <summary>Reads the values of global variables from a compiled image, a 64-bit ELF file, without a device.</summary>
internal static class CubinFile
{
    /// <summary>Returns the value of a global variable.</summary>
    public static T Global<T>(ReadOnlySpan<byte> image, string name)
        where T : unmanaged
    {
        var sections = Sections(image);
        var symbols = sections.Single(section => section.Type == 2);
        var names = sections[(int)symbols.Link];
        for (var at = symbols.Offset; at < symbols.Offset + symbols.Size; at += 24)
        {
            var symbol = MemoryMarshal.Read<Symbol>(image[(int)at..]);
            var text = image[(int)(names.Offset + symbol.Name)..];
            if (Encoding.UTF8.GetString(text[..text.IndexOf((byte)0)]) == name)
            {
                return MemoryMarshal.Read<T>(image[(int)(sections[symbol.Section].Offset + symbol.Value)..]);
            }
        }

        throw new InvalidDataException($"the image has no variable {name}");
    }

    private static List<Section> Sections(ReadOnlySpan<byte> image)
    {
        var (table, count) = (MemoryMarshal.Read<long>(image[40..]), MemoryMarshal.Read<ushort>(image[60..]));
        var sections = new List<Section>();
        for (var i = 0; i < count; i++)
        {
            sections.Add(MemoryMarshal.Read<Section>(image[(int)(table + (i * 64L))..]));
        }

        return sections;
    }

    /// <summary>A section header (Elf64_Shdr).</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Section(
        uint Name, uint Type, ulong Flags, ulong Address, long Offset, long Size, uint Link, uint Info, ulong Alignment, ulong EntrySize);

    /// <summary>A symbol (Elf64_Sym).</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Symbol(uint Name, byte Info, byte Other, ushort Section, long Value, long Size);
}
