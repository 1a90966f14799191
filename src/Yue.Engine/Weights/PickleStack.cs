namespace Yue.Engine.Weights;

/// <summary>The stack, marks and memo of a pickle, each with a limited size.</summary>
internal sealed class PickleStack(PickleInput input)
{
    private const int MaxStack = 1 << 20;
    private const int MaxMemo = 1 << 21;
    private const int MaxMarks = 1000;

    private readonly List<object?> _values = [];
    private readonly List<int> _marks = [];
    private readonly Dictionary<long, object?> _memo = [];

    private int Floor => _marks.Count == 0 ? 0 : _marks[^1];

    public void Push(object? value)
    {
        if (_values.Count == MaxStack)
        {
            throw input.Error($"more than {MaxStack} values are on the stack");
        }

        _values.Add(value);
    }

    public object? Pop()
    {
        var value = Peek();
        _values.RemoveAt(_values.Count - 1);
        return value;
    }

    public object? Peek() => _values.Count > Floor ? _values[^1] : throw input.Error("a value is read from an empty stack");

    public void Mark()
    {
        if (_marks.Count == MaxMarks)
        {
            throw input.Error($"more than {MaxMarks} collections are nested");
        }

        _marks.Add(_values.Count);
    }

    /// <summary>Removes the last mark and returns the values above it.</summary>
    public object?[] PopToMark()
    {
        if (_marks.Count == 0)
        {
            throw input.Error("a mark is missing");
        }

        var start = Floor;
        var items = _values[start..].ToArray();
        _values.RemoveRange(start, items.Length);
        _marks.RemoveAt(_marks.Count - 1);
        return items;
    }

    /// <summary>Removes the last <paramref name="count"/> values and returns them in the order in which they were pushed.</summary>
    public object?[] Pop(int count)
    {
        var items = new object?[count];
        for (var i = count - 1; i >= 0; i--)
        {
            items[i] = Pop();
        }

        return items;
    }

    /// <summary>True if POP removes a mark rather than a value.</summary>
    public bool MarkIsOnTop => _marks.Count > 0 && _marks[^1] == _values.Count;

    public void Remember(long key)
    {
        if (key < 0 || (_memo.Count == MaxMemo && !_memo.ContainsKey(key)))
        {
            throw input.Error($"memo entry {key} is outside the {MaxMemo} entries that are supported");
        }

        _memo[key] = Peek();
    }

    /// <summary>Stores the top value in the memo under the next number.</summary>
    public void Remember() => Remember(_memo.Count);

    public object? Recall(long key) =>
        _memo.TryGetValue(key, out var value) ? value : throw input.Error($"memo entry {key} is used before it is set");
}
