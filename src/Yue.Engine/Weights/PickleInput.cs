using System.Buffers.Binary;
using System.Text;

namespace Yue.Engine.Weights;

/// <summary>Reads the arguments of pickle opcodes; every length is checked before anything is allocated.</summary>
internal sealed class PickleInput(string file, ReadOnlyMemory<byte> bytes)
{
    private const int MaxLineBytes = 4096;
    private const int MaxValues = 1 << 22;

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    private long _spent;

    /// <summary>The position of the next byte.</summary>
    public int Position { get; private set; }

    /// <summary>Counts executed opcodes and copied items, and rejects a pickle with too many.</summary>
    public void Spend(int count)
    {
        _spent += count;
        if (_spent > MaxValues)
        {
            throw Error($"it creates more than {MaxValues} values");
        }
    }

    public byte Byte() => Take(1, "an opcode or a byte")[0];

    public ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2, "a 2-byte integer"));

    public int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(4, "a 4-byte integer"));

    public double Double() => BinaryPrimitives.ReadDoubleBigEndian(Take(8, "an 8-byte float"));

    /// <summary>Reads a length of 1, 4 or 8 bytes, little endian.</summary>
    public long Length(int width)
    {
        var raw = Take(width, "a length");
        var length = width switch
        {
            1 => raw[0],
            4 => BinaryPrimitives.ReadUInt32LittleEndian(raw),
            _ => BinaryPrimitives.ReadUInt64LittleEndian(raw),
        };
        return length <= int.MaxValue
            ? (long)length
            : throw Error($"a length of {length} bytes exceeds the {bytes.Length} bytes of the pickle");
    }

    public ReadOnlySpan<byte> Bytes(long count) => Take(count, "a byte string");

    public string Text(long count) => Decode(Take(count, "a string"));

    /// <summary>Reads the text up to the next line feed and skips the line feed.</summary>
    public string Line()
    {
        var rest = bytes.Span[Position..];
        var end = rest[..Math.Min(rest.Length, MaxLineBytes)].IndexOf((byte)'\n');
        if (end < 0)
        {
            throw Error($"a text line does not end within {MaxLineBytes} bytes");
        }

        Position += end + 1;
        return Decode(rest[..end]);
    }

    /// <summary>Reads a little-endian two's complement integer of up to 8 bytes; null for a longer one.</summary>
    public long? Integer(long count)
    {
        var raw = Take(count, "an integer");
        if (raw.Length > 8)
        {
            return null;
        }

        Span<byte> wide = stackalloc byte[8];
        wide.Fill(raw.Length > 0 && raw[^1] >= 0x80 ? (byte)0xFF : (byte)0);
        raw.CopyTo(wide);
        return BinaryPrimitives.ReadInt64LittleEndian(wide);
    }

    /// <summary>Creates an error at the current position.</summary>
    public CheckpointException Error(string problem) => new(file, $"the pickle is invalid at byte {Position}: {problem}");

    private ReadOnlySpan<byte> Take(long count, string what)
    {
        if (count < 0 || count > bytes.Length - Position)
        {
            throw Error($"{what} exceeds the rest of the pickle (bytes: {count}, remaining: {bytes.Length - Position})");
        }

        var taken = bytes.Span.Slice(Position, (int)count);
        Position += (int)count;
        return taken;
    }

    private string Decode(ReadOnlySpan<byte> utf8)
    {
        try
        {
            return StrictUtf8.GetString(utf8);
        }
        catch (DecoderFallbackException)
        {
            throw Error("a string is not valid UTF-8");
        }
    }
}
