namespace Yue.Engine.Weights;

/// <summary>The supported calls in a PyTorch pickle. None of them runs code from the pickle.</summary>
internal static class PickleCalls
{
    private const int MaxRank = 64;

    /// <summary>Returns the value of <c>callable(*arguments)</c>.</summary>
    public static object? Call(PickleInput input, object? callable, object? arguments)
    {
        if (arguments is not PickleTuple { Items: var items })
        {
            throw input.Error("a call's arguments are not a tuple");
        }

        return callable switch
        {
            PickleGlobal { Module: "torch._utils", Name: "_rebuild_tensor_v2" or "_rebuild_tensor" } => RebuildTensor(input, items),
            PickleGlobal { Module: "torch._utils", Name: "_rebuild_parameter" or "_rebuild_parameter_with_state" } =>
                items is [PickleTensor tensor, ..] ? tensor : throw input.Error("a parameter is not a tensor"),
            PickleGlobal { Module: "collections", Name: "OrderedDict" } => OrderedDict(input, items),
            PickleGlobal { Module: "builtins" or "__builtin__", Name: "dict" } when items is [] => new PickleDict(),
            PickleGlobal global => new PickleOpaque(global),
            PickleOpaque opaque => opaque,
            _ => throw input.Error("the called object is not a class or function"),
        };
    }

    /// <summary>Returns the storage for a persistent id.</summary>
    /// <remarks>The location (cpu, cuda:0, ...) does not matter: the reader decides where values go.</remarks>
    public static PickleStorage PersistentLoad(PickleInput input, object? id) =>
        id is PickleTuple { Items: ["storage", PickleGlobal type, string key, _, long count, .. var view] }
            && count >= 0 && view is [] or [null]
            ? new PickleStorage(type, key, count)
            : throw input.Error("a persistent id is not of the form ('storage', class, key, location, element count)");

    /// <summary>Returns the tensor that is built by <c>_rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, hooks,
    /// ...)</c>.</summary>
    private static PickleTensor RebuildTensor(PickleInput input, object?[] arguments) =>
        arguments is [PickleStorage storage, long offset, PickleTuple size, PickleTuple stride, ..]
            ? new PickleTensor(storage, offset, Integers(input, size), Integers(input, stride))
            : throw input.Error("a tensor's arguments are not (storage, offset, size, stride, ...)");

    private static PickleDict OrderedDict(PickleInput input, object?[] arguments)
    {
        var dict = new PickleDict();
        var items = arguments is [PickleList list] ? list.Items : [];
        input.Spend(items.Count);
        foreach (var pair in items)
        {
            dict.Items.Add(pair switch
            {
                PickleList { Items: [var key, var value] } => new(key, value),
                PickleTuple { Items: [var key, var value] } => new(key, value),
                _ => throw input.Error("an OrderedDict's item is not a pair"),
            });
        }

        return dict;
    }

    private static long[] Integers(PickleInput input, PickleTuple tuple)
    {
        if (tuple.Items.Length > MaxRank)
        {
            throw input.Error($"a tensor has {tuple.Items.Length} dimensions, expected at most {MaxRank}");
        }

        input.Spend(tuple.Items.Length);
        return [.. tuple.Items.Select(item => item as long? ?? throw input.Error("a tensor's size or stride is not an integer"))];
    }
}
