using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Yue.Engine.Tests.Weights;

/// <summary>Writes a pickle opcode by opcode, in protocol 2 and without a memo.</summary>
internal sealed class PickleWriter
{
    private readonly ArrayBufferWriter<byte> _bytes = new();

    public PickleWriter() => _bytes.Write<byte>([0x80, 2]);

    public PickleWriter Mark() => Opcode('(');

    public PickleWriter EmptyDict() => Opcode('}');

    public PickleWriter SetItems() => Opcode('u');

    public PickleWriter Tuple() => Opcode('t');

    public PickleWriter Reduce() => Opcode('R');

    public PickleWriter PersistentId() => Opcode('Q');

    public PickleWriter False() => Opcode('\x89');

    /// <summary>Writes an empty OrderedDict.</summary>
    public PickleWriter OrderedDict() => Global("collections", "OrderedDict").Opcode(')').Reduce();

    public PickleWriter Global(string module, string name)
    {
        _bytes.Write(Encoding.UTF8.GetBytes($"c{module}\n{name}\n"));
        return this;
    }

    public PickleWriter Text(string text)
    {
        var utf8 = Encoding.UTF8.GetBytes(text);
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, utf8.Length);
        Opcode('X');
        _bytes.Write(length);
        _bytes.Write(utf8);
        return this;
    }

    /// <summary>Writes a non-negative integer as BININT, or as LONG1 if it exceeds <see cref="int.MaxValue"/>.</summary>
    public PickleWriter Integer(long value)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value);
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        if (value <= int.MaxValue)
        {
            Opcode('J');
            _bytes.Write(bytes[..4]);
        }
        else
        {
            Opcode('\x8A');
            _bytes.Write<byte>([8]);
            _bytes.Write(bytes);
        }

        return this;
    }

    /// <summary>Writes a tuple of integers.</summary>
    public PickleWriter Integers(IEnumerable<long> values)
    {
        Mark();
        foreach (var value in values)
        {
            Integer(value);
        }

        return Tuple();
    }

    /// <summary>Ends the pickle and returns its bytes.</summary>
    public byte[] Stop() => Opcode('.')._bytes.WrittenSpan.ToArray();

    private PickleWriter Opcode(char opcode)
    {
        _bytes.Write<byte>([(byte)opcode]);
        return this;
    }
}
