using System.Globalization;

namespace Yue.Engine.Weights;

/// <summary>Converts a pickle to plain values without running any of its code.</summary>
/// <remarks>
/// Supports protocols 0 to 5 and the few callables of <see cref="PickleCalls"/>. Every other class becomes a
/// <see cref="PickleOpaque"/>, and operations on it are ignored. The caller limits the pickle's length, and <see cref="PickleInput.Spend"/>
/// limits the number of values, which bounds time and memory.
/// </remarks>
internal sealed class PickleReader
{
    private const int HighestProtocol = 5;

    private readonly PickleInput _input;
    private readonly PickleStack _stack;
    private readonly List<PickleStorage> _storages = [];

    public PickleReader(string file, ReadOnlyMemory<byte> bytes)
    {
        _input = new PickleInput(file, bytes);
        _stack = new PickleStack(_input);
    }

    /// <summary>The number of bytes read so far; after <see cref="Read"/>, the end of the pickle.</summary>
    public int Position => _input.Position;

    /// <summary>All storages in the pickle, including those of unused tensors.</summary>
    public IReadOnlyList<PickleStorage> Storages => _storages;

    /// <summary>Reads the pickle and returns its value.</summary>
    public object? Read()
    {
        while (true)
        {
            _input.Spend(1);
            var opcode = (char)_input.Byte();
            if (opcode == '.')
            {
                return _stack.Pop();
            }

            if (!PushConstant(opcode) && !PushText(opcode) && !UseMemo(opcode) && !BuildCollection(opcode) && !BuildObject(opcode))
            {
                throw _input.Error($"opcode 0x{(int)opcode:X2} is unknown or not supported");
            }
        }
    }

    private bool PushConstant(char opcode)
    {
        switch (opcode)
        {
            case '\x80':
                ExpectProtocol(_input.Byte());
                return true;
            case '\x95':
                _input.Length(8);                       // a frame is only a hint for buffering
                return true;
            case 'N':
                _stack.Push(null);
                return true;
            case '\x88' or '\x89':
                _stack.Push(opcode == '\x88');
                return true;
            case 'K':
                _stack.Push((long)_input.Byte());
                return true;
            case 'M':
                _stack.Push((long)_input.UInt16());
                return true;
            case 'J':
                _stack.Push((long)_input.Int32());
                return true;
            case '\x8A' or '\x8B':
                _stack.Push(_input.Integer(_input.Length(opcode == '\x8A' ? 1 : 4)) ?? (object)new PickleOpaque(null));
                return true;
            case 'G':
                _stack.Push(_input.Double());
                return true;
            case 'I' or 'L' or 'F':
                _stack.Push(Number(_input.Line(), opcode));
                return true;
            default:
                return false;
        }
    }

    private bool PushText(char opcode)
    {
        switch (opcode)
        {
            case 'X':
                _stack.Push(_input.Text(_input.Length(4)));
                return true;
            case '\x8C':
                _stack.Push(_input.Text(_input.Length(1)));
                return true;
            case '\x8D':
                _stack.Push(_input.Text(_input.Length(8)));
                return true;
            case 'V':
                _stack.Push(_input.Line());
                return true;
            case 'S':
                _stack.Push(_input.Line().Trim('\'', '"'));
                return true;
            case 'T':
                _stack.Push(_input.Text(_input.Length(4)));
                return true;
            case 'U':
                _stack.Push(_input.Text(_input.Length(1)));
                return true;
            case 'B' or 'C' or '\x8E' or '\x96':
                _input.Bytes(_input.Length(opcode switch { 'B' => 4, 'C' => 1, _ => 8 }));
                _stack.Push(new PickleOpaque(null));    // checkpoints do not use byte strings
                return true;
            default:
                return false;
        }
    }

    private bool UseMemo(char opcode)
    {
        switch (opcode)
        {
            case 'q':
                _stack.Remember(_input.Byte());
                return true;
            case 'r':
                _stack.Remember(_input.Int32());
                return true;
            case 'p':
                _stack.Remember(LineKey());
                return true;
            case '\x94':
                _stack.Remember();
                return true;
            case 'h':
                _stack.Push(_stack.Recall(_input.Byte()));
                return true;
            case 'j':
                _stack.Push(_stack.Recall(_input.Int32()));
                return true;
            case 'g':
                _stack.Push(_stack.Recall(LineKey()));
                return true;
            case '2':
                _stack.Push(_stack.Peek());
                return true;
            case '0' when !_stack.MarkIsOnTop:
                _stack.Pop();
                return true;
            case '0' or '1':
                _stack.PopToMark();
                return true;
            default:
                return false;
        }
    }

    private bool BuildCollection(char opcode)
    {
        switch (opcode)
        {
            case '(':
                _stack.Mark();
                return true;
            case ')':
                _stack.Push(PickleTuple.Empty);
                return true;
            case 't':
                _stack.Push(new PickleTuple(_stack.PopToMark()));
                return true;
            case '\x85' or '\x86' or '\x87':
                _stack.Push(new PickleTuple(_stack.Pop(opcode - '\x84')));
                return true;
            case ']' or '\x8F':
                _stack.Push(new PickleList());
                return true;
            case 'l' or '\x91':
                _stack.Push(Extended(new PickleList(), _stack.PopToMark()));
                return true;
            case 'a':
                Append(_stack.Pop(1));
                return true;
            case 'e' or '\x90':
                Append(_stack.PopToMark());
                return true;
            case '}':
                _stack.Push(new PickleDict());
                return true;
            case 'd':
                var pairs = _stack.PopToMark();
                _stack.Push(new PickleDict());
                SetItems(pairs);
                return true;
            case 's':
                SetItems(_stack.Pop(2));
                return true;
            case 'u':
                SetItems(_stack.PopToMark());
                return true;
            default:
                return false;
        }
    }

    private bool BuildObject(char opcode)
    {
        switch (opcode)
        {
            case 'c':
                _stack.Push(new PickleGlobal(_input.Line(), _input.Line()));
                return true;
            case '\x93':
                _stack.Push(_stack.Pop(2) is [string module, string name]
                    ? new PickleGlobal(module, name)
                    : throw _input.Error("an imported name is not a string"));
                return true;
            case 'R' or '\x81':
                var call = _stack.Pop(2);
                _stack.Push(PickleCalls.Call(_input, call[0], call[1]));
                return true;
            case '\x92':
                _stack.Push(new PickleOpaque(_stack.Pop(3)[0] as PickleGlobal));
                return true;
            case 'i':
                var instanceOf = new PickleGlobal(_input.Line(), _input.Line());
                _stack.PopToMark();
                _stack.Push(new PickleOpaque(instanceOf));
                return true;
            case 'o':
                _stack.Push(new PickleOpaque(_stack.PopToMark().FirstOrDefault() as PickleGlobal));
                return true;
            case 'b':
                _stack.Pop();                           // ignores attributes: an OrderedDict's _metadata, or those of an unknown object
                _stack.Peek();
                return true;
            case 'Q':
                var storage = PickleCalls.PersistentLoad(_input, _stack.Pop());
                _storages.Add(storage);
                _stack.Push(storage);
                return true;
            default:
                return false;
        }
    }

    private void ExpectProtocol(byte protocol)
    {
        if (protocol > HighestProtocol)
        {
            throw _input.Error($"protocol {protocol} is not supported, expected at most {HighestProtocol}");
        }
    }

    private long LineKey() =>
        long.TryParse(_input.Line(), NumberStyles.None, CultureInfo.InvariantCulture, out var key)
            ? key
            : throw _input.Error("a memo key is not a number");

    private object Number(string line, char opcode)
    {
        if (opcode == 'I' && line is "00" or "01")
        {
            return line == "01";
        }

        if (opcode == 'F')
        {
            return double.TryParse(line, NumberStyles.Float, CultureInfo.InvariantCulture, out var real)
                ? real
                : throw _input.Error("a float is not a number");
        }

        return long.TryParse(line.TrimEnd('L'), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            ? value
            : new PickleOpaque(null);
    }

    private void Append(object?[] items)
    {
        if (_stack.Peek() is PickleList list)
        {
            Extended(list, items);
        }
        else
        {
            ExpectOpaque("appended to");
        }
    }

    private void SetItems(object?[] items)
    {
        if (items.Length % 2 != 0)
        {
            throw _input.Error("a dict has a key without a value");
        }

        if (_stack.Peek() is PickleDict dict)
        {
            for (var i = 0; i < items.Length; i += 2)
            {
                dict.Items.Add(new(items[i], items[i + 1]));
            }
        }
        else
        {
            ExpectOpaque("given an item");
        }
    }

    private void ExpectOpaque(string verb)
    {
        if (_stack.Peek() is not PickleOpaque)
        {
            throw _input.Error($"a value that is not a collection is {verb}");
        }
    }

    private static PickleList Extended(PickleList list, object?[] items)
    {
        list.Items.AddRange(items);
        return list;
    }
}
