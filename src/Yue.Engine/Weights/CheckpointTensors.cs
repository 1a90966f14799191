using Yue.Cuda;
using Yue.Engine.Tensors;
using static TorchSharp.torch;

namespace Yue.Engine.Weights;

/// <summary>A checkpoint's tensors, converted to one dtype on one device while they are being read. The matrices of a quantized checkpoint
/// are read as the numbers that their codes represent.</summary>
/// <param name="checkpoint">The checkpoint to read; the caller disposes it after the last read.</param>
/// <param name="dtype">The dtype of the tensors that <see cref="Read"/> returns.</param>
/// <param name="device">The device of the tensors that <see cref="Read"/> returns; null means the CPU.</param>
/// <param name="upload">Copies values to a GPU if they need no conversion; null if there is no GPU.</param>
/// <param name="chunkBytes">The maximum number of bytes that are buffered during conversion.</param>
public sealed class CheckpointTensors(
    Checkpoint checkpoint,
    ScalarType dtype,
    Device? device = null,
    DeviceUpload? upload = null,
    int chunkBytes = CheckpointTensors.DefaultChunkBytes) : ITensorSource
{
    /// <summary>The default size of the conversion buffer: 64 MiB.</summary>
    public const int DefaultChunkBytes = 64 << 20;

    /// <summary>The file or folder of the checkpoint.</summary>
    public string Path => checkpoint.Path;

    /// <inheritdoc/>
    public ScalarType Dtype => dtype;

    /// <inheritdoc/>
    public Device Device { get; } = device ?? CPU;

    /// <summary>The record of the quantization; null if the checkpoint is not quantized.</summary>
    public QuantizationRecord? Quantization { get; } = QuantizationRecord.Of(checkpoint);

    /// <inheritdoc/>
    public bool Contains(string name) => checkpoint.Tensors.ContainsKey(name) || TryFindCodes(name) is not null;

    /// <inheritdoc/>
    public long[] ShapeOf(string name) => [.. Find(name).Shape];

    /// <inheritdoc/>
    public Tensor Read(string name, params ReadOnlySpan<long> expected)
    {
        if (TryFindCodes(name) is null)
        {
            ExpectShape(name, Find(name), expected);
        }

        var tensor = empty(expected.ToArray(), dtype, Device);
        try
        {
            ReadInto(name, tensor);
            return tensor;
        }
        catch
        {
            tensor.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void ReadInto(string name, Tensor destination)
    {
        if (TryFindCodes(name) is { } codes)
        {
            GroupedReader.Copy(codes, name, Quantization!.Type, destination);
            return;
        }

        var stored = Find(name);
        ExpectShape(name, stored, destination.shape);
        TensorReader.Copy(stored, destination, chunkBytes, upload);
    }

    /// <summary>Copies the stored rows of a quantized matrix.</summary>
    /// <param name="name">The name of the matrix.</param>
    /// <param name="columns">The number of columns of the matrix.</param>
    /// <param name="destination">[stored rows, bytes per row], uint8; may be a slice of a larger tensor.</param>
    internal void ReadCodesInto(string name, long columns, Tensor destination)
    {
        var codes = TryFindCodes(name)
            ?? throw new CheckpointException(checkpoint.Path, $"tensor {GroupedReader.CodesOf(name)} is missing");
        GroupedReader.Check(codes, name, Quantization!.Type, destination.shape[0] / GroupedReader.TermsOf(name), columns);
        TensorReader.Copy(codes, destination, chunkBytes, upload);
    }

    private StoredTensor? TryFindCodes(string name) => Quantization is not null && GroupedReader.CodesOf(name) is { } codes
        ? checkpoint.Tensors.GetValueOrDefault(codes)
        : null;

    private StoredTensor Find(string name) =>
        checkpoint.Tensors.TryGetValue(name, out var stored)
            ? stored
            : throw new CheckpointException(
                checkpoint.Path, $"tensor {name} is missing (number of tensors in the checkpoint: {checkpoint.Tensors.Count})");

    private static void ExpectShape(string name, StoredTensor stored, ReadOnlySpan<long> expected)
    {
        var found = stored.Shape.ToArray();
        if (!expected.SequenceEqual(found))
        {
            throw new CheckpointException(stored.File, $"tensor {name} has shape {Shape.Text(found)}, expected {Shape.Text(expected)}");
        }
    }
}
