using Yue.Engine.Tensors;

namespace Yue.Engine.Weights;

/// <summary>Finds the tensors of an unpickled state dict in a file and checks that each is inside its storage.</summary>
/// <param name="file">The file.</param>
/// <param name="locate">Returns the offset and the size, in bytes, of a storage in the file.</param>
internal sealed class TorchStateDict(CheckpointFile file, Func<PickleStorage, (long Offset, long Bytes)> locate)
{
    // A view that repeats values (stride 0) may be larger than its storage only up to this number of elements, so that a small file
    // cannot require unlimited memory.
    private const long MaxExpanded = 1 << 24;

    /// <summary>Returns the tensors by name, without values that are not tensors, such as a step count.</summary>
    public Dictionary<string, StoredTensor> Read(object? root, string? rootKey)
    {
        var tensors = new Dictionary<string, StoredTensor>(StringComparer.Ordinal);
        foreach (var (key, value) in StateDict(root, rootKey).Items)
        {
            if (key is not string name)
            {
                throw new CheckpointException(file.Path, "the state dict has a key that is not a string");
            }

            if (value is PickleOpaque { Class: { } type } && type.Name.StartsWith("_rebuild", StringComparison.Ordinal))
            {
                throw Wrong(name, $"is stored through {type}, expected torch._utils._rebuild_tensor_v2");
            }

            if (value is PickleTensor tensor && !tensors.TryAdd(name, Resolve(name, tensor)))
            {
                throw Wrong(name, "is in the state dict twice");
            }
        }

        return tensors.Count > 0
            ? tensors
            : throw new CheckpointException(file.Path, $"the state dict{(rootKey is null ? "" : $" {rootKey}")} contains no tensors");
    }

    private PickleDict StateDict(object? root, string? rootKey)
    {
        if (root is not PickleDict dict)
        {
            throw new CheckpointException(file.Path, "the pickled object is not a dict");
        }

        return rootKey is null ? dict : dict.Find(rootKey) as PickleDict
            ?? throw new CheckpointException(file.Path, $"the pickled dict has no dict under the key {rootKey}; its keys are {Keys(dict)}");
    }

    private static string Keys(PickleDict dict)
    {
        var keys = dict.Items.Select(item => item.Key).OfType<string>().Take(8).ToArray();
        return string.Join(", ", keys) + (dict.Items.Count > keys.Length ? ", ..." : "");
    }

    private StoredTensor Resolve(string name, PickleTensor tensor)
    {
        var storage = tensor.Storage;
        var dtype = storage.Dtype
            ?? throw Wrong(
                name, $"has storage class {storage.Class}, expected the class of one of the dtypes {TensorDtype.SafetensorsNames}");
        var (offset, bytes) = locate(storage);
        var elementBytes = TensorDtype.SizeOf(dtype);
        if (bytes % elementBytes != 0 || bytes / elementBytes != storage.Count)
        {
            throw Wrong(name, $"has {bytes} bytes in storage {storage.Key}, expected {storage.Count} values of {elementBytes} bytes");
        }

        var count = TensorDtype.CountOf(tensor.Shape);
        if (count is null || count > Math.Max(storage.Count, MaxExpanded)
            || tensor.Strides.Length != tensor.Shape.Length || tensor.Offset < 0
            || Extent(tensor, storage.Count) > storage.Count - tensor.Offset)
        {
            throw Wrong(name, $"of shape {Shape.Text(tensor.Shape)} with strides {Shape.Text(tensor.Strides)} at offset {tensor.Offset} "
                + $"is not inside storage {storage.Key} of {storage.Count} values");
        }

        return new StoredTensor(file, dtype, tensor.Shape, tensor.Strides, offset + (tensor.Offset * elementBytes));
    }

    /// <summary>Returns the number of elements from the first to the last, or a value above <paramref name="most"/> if there are
    /// more or if a stride is negative.</summary>
    private static long Extent(PickleTensor tensor, long most)
    {
        if (tensor.Shape.Contains(0))
        {
            return 0;
        }

        long extent = 1;
        for (var i = 0; i < tensor.Shape.Length; i++)
        {
            var (steps, stride) = (tensor.Shape[i] - 1, tensor.Strides[i]);
            if (stride < 0 || (steps > 0 && stride > (most - extent) / steps))
            {
                return long.MaxValue;
            }

            extent += steps * stride;
        }

        return extent;
    }

    private CheckpointException Wrong(string name, string problem) => new(file.Path, $"tensor {name} {problem}");
}
