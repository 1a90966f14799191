using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue2.Vae;

/// <summary>Opens the stored weights of the sound decoder.</summary>
public static class VaeCheckpoint
{
    /// <summary>The prefix of the names of the decoder's tensors. The others are those of the encoder, which is not read.</summary>
    private const string Prefix = "decoder.";

    /// <summary>Opens the weights of a folder; the caller disposes them.</summary>
    /// <exception cref="CheckpointException">The folder has no weights, or a tensor of the decoder is not float32. Such a file has
    /// lost the precision that the decoder computes in.</exception>
    public static Checkpoint Open(string folder)
    {
        var checkpoint = SafetensorsCheckpoint.Open(folder);
        var rounded = checkpoint.Tensors.FirstOrDefault(
            tensor => tensor.Key.StartsWith(Prefix, StringComparison.Ordinal) && tensor.Value.Dtype != ScalarType.Float32);
        if (rounded.Value is not { } tensor)
        {
            return checkpoint;
        }

        checkpoint.Dispose();
        throw new CheckpointException(
            tensor.File, $"tensor {rounded.Key} is {tensor.Dtype}, expected Float32, as in the published sound decoder");
    }
}
