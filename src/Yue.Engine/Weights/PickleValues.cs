using static TorchSharp.torch;

namespace Yue.Engine.Weights;

/// <summary>A name that a pickle imports. Nothing is loaded or called.</summary>
internal sealed record PickleGlobal(string Module, string Name)
{
    public override string ToString() => $"{Module}.{Name}";
}

/// <summary>An object of an unknown class, or a value that no checkpoint needs, such as a byte string. Operations on it are
/// ignored.</summary>
/// <param name="Class">The class; null if it is not known.</param>
internal sealed record PickleOpaque(PickleGlobal? Class);

/// <summary>A Python tuple.</summary>
internal sealed record PickleTuple(object?[] Items)
{
    public static PickleTuple Empty { get; } = new([]);
}

/// <summary>A Python list or set.</summary>
internal sealed class PickleList
{
    public List<object?> Items { get; } = [];
}

/// <summary>A Python dict, as pairs in the order in which they were set. Duplicate keys are kept.</summary>
internal sealed class PickleDict
{
    public List<KeyValuePair<object?, object?>> Items { get; } = [];

    /// <summary>Returns the value that was last set under the key, or null.</summary>
    public object? Find(string key) => Items.FindLast(item => item.Key is string name && name == key).Value;
}

/// <summary>The storage of a tensor's values: <c>('storage', class, key, location, element count)</c>.</summary>
/// <param name="Class">The storage class, such as <c>torch.FloatStorage</c>.</param>
/// <param name="Key">The name of the entry that contains the bytes.</param>
/// <param name="Count">The number of elements.</param>
internal sealed record PickleStorage(PickleGlobal Class, string Key, long Count)
{
    /// <summary>The dtype; null if the class does not have a supported one.</summary>
    public ScalarType? Dtype => Class.Module is "torch" or "torch.cuda" ? TensorDtype.FromStorage(Class.Name) : null;
}

/// <summary>A dense tensor: a strided view of a storage. The offset and strides are in elements and have not been checked yet.</summary>
internal sealed record PickleTensor(PickleStorage Storage, long Offset, long[] Shape, long[] Strides);
