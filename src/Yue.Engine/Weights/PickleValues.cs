using static TorchSharp.torch;

namespace Yue.Engine.Weights;

/// <summary>A name that a pickle imports. It is only a name: nothing is loaded or called.</summary>
internal sealed record PickleGlobal(string Module, string Name)
{
    public override string ToString() => $"{Module}.{Name}";
}

/// <summary>An object of a class that the reader does not know; what is done to it is dropped.</summary>
internal sealed record PickleOpaque(PickleGlobal? Class);

/// <summary>A tuple.</summary>
internal sealed record PickleTuple(object?[] Items)
{
    public static PickleTuple Empty { get; } = new([]);
}

/// <summary>A list or a set.</summary>
internal sealed class PickleList
{
    public List<object?> Items { get; } = [];
}

/// <summary>A dict as pairs in the order in which they were set, keys not compared.</summary>
internal sealed class PickleDict
{
    public List<KeyValuePair<object?, object?>> Items { get; } = [];

    /// <summary>The value set last under the key, or null.</summary>
    public object? Find(string key) => Items.FindLast(item => item.Key is string name && name == key).Value;
}

/// <summary>What a tensor's values are in: <c>('storage', class, key, location, element count)</c>.</summary>
/// <param name="Class">The storage class, such as <c>torch.FloatStorage</c>.</param>
/// <param name="Key">The name of the entry that has the bytes.</param>
/// <param name="Count">Elements.</param>
internal sealed record PickleStorage(PickleGlobal Class, string Key, long Count)
{
    /// <summary>Null where the class is not of a supported dtype.</summary>
    public ScalarType? Dtype => Class.Module is "torch" or "torch.cuda" ? TensorDtype.FromStorage(Class.Name) : null;
}

/// <summary>A dense tensor: a strided view of a storage. Offset and strides count elements and are not checked yet.</summary>
internal sealed record PickleTensor(PickleStorage Storage, long Offset, long[] Shape, long[] Strides);
