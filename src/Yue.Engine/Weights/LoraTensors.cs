using static TorchSharp.torch;

namespace Yue.Engine.Weights;

/// <summary>A checkpoint's tensors with a LoRA adapter merged into them while they are being read, before anything is quantized.</summary>
/// <param name="checkpoint">The tensors of the checkpoint.</param>
/// <param name="adapter">The adapter, which fits the checkpoint.</param>
internal sealed class LoraTensors(ITensorSource checkpoint, LoraAdapter adapter) : ITensorSource
{
    private readonly HashSet<string> _unread = [.. adapter.Names];

    public ScalarType Dtype => checkpoint.Dtype;

    public Device Device => checkpoint.Device;

    /// <summary>The adapted tensors that have not been read yet. An adapter must not change tensors that the model does not use.</summary>
    public IReadOnlyCollection<string> Unread => _unread;

    public bool Contains(string name) => checkpoint.Contains(name);

    public long[] ShapeOf(string name) => checkpoint.ShapeOf(name);

    public Tensor Read(string name, params ReadOnlySpan<long> expected)
    {
        var tensor = checkpoint.Read(name, expected);
        Add(name, tensor);
        return tensor;
    }

    public void ReadInto(string name, Tensor destination)
    {
        checkpoint.ReadInto(name, destination);
        Add(name, destination);
    }

    private void Add(string name, Tensor tensor)
    {
        adapter.AddTo(name, tensor);
        _unread.Remove(name);
    }
}
