using System.Text.RegularExpressions;
using Yue.Engine.Tensors;
using static TorchSharp.torch;

namespace Yue.Engine.Weights;

/// <summary>A LoRA adapter in PEFT format. For some matrices W of a checkpoint, it contains matrices A and B of low rank r. The adapted
/// matrix is W + s · B · A, with s = alpha / r, or alpha / √r for rank-stabilized adapters.</summary>
/// <remarks>Files: <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>. Any setting or tensor that would change
/// the result but is not supported is rejected with an error that names it.</remarks>
public sealed partial class LoraAdapter : IDisposable
{
    private readonly string _folder;
    private readonly Checkpoint _file;
    private readonly double _scale;
    private readonly Dictionary<string, Pair> _pairs = new(StringComparer.Ordinal);

    private LoraAdapter(string folder)
    {
        _folder = folder;
        using var config = JsonConfig.Read(Path.Combine(folder, "adapter_config.json"));
        config.Expect("peft_type", "LORA");
        config.Expect("use_dora", false);
        config.Expect("fan_in_fan_out", false);
        config.Expect("lora_bias", false);
        if (config.Text("bias") is not (null or "none"))
        {
            throw config.Unsupported("bias", "none");
        }

        foreach (var key in new[] { "modules_to_save", "rank_pattern", "alpha_pattern", "layer_replication" })
        {
            config.ExpectNone(key);
        }

        var rank = config.Positive("r");
        _scale = config.PositiveNumber("lora_alpha") / (config.Boolean("use_rslora", false) ? Math.Sqrt(rank) : rank);
        _file = SafetensorsFile.Open(Path.Combine(folder, "adapter_model.safetensors"));
        try
        {
            ReadPairs(rank);
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <summary>The names of the adapted tensors.</summary>
    public IReadOnlyCollection<string> Names => _pairs.Keys;

    /// <summary>Checks that an adapter fits a checkpoint. Reads no values.</summary>
    /// <param name="folder">The adapter's folder.</param>
    /// <param name="checkpoint">The checkpoint's folder.</param>
    /// <exception cref="CheckpointException">A file is missing or invalid, the adapter was made for another checkpoint, or the checkpoint
    /// is quantized.</exception>
    public static void Check(string folder, string checkpoint)
    {
        using var file = SafetensorsCheckpoint.Open(checkpoint);
        Open(folder, new CheckpointTensors(file, ScalarType.Float32)).Dispose();
    }

    /// <summary>Opens an adapter and checks that it fits a checkpoint. Reads no values.</summary>
    /// <param name="folder">The adapter's folder.</param>
    /// <param name="checkpoint">The checkpoint to adapt.</param>
    /// <exception cref="CheckpointException">A file is missing or invalid, the adapter was made for another checkpoint, or the checkpoint
    /// is quantized.</exception>
    public static LoraAdapter Open(string folder, ITensorSource checkpoint)
    {
        if (checkpoint is CheckpointTensors { Quantization: not null })
        {
            throw new CheckpointException(
                folder,
                "an adapter cannot be merged into a quantized checkpoint; merge it into the bf16 checkpoint during quantization: "
                    + "yue models quantize NAME --lora FOLDER");
        }

        var adapter = new LoraAdapter(folder);
        try
        {
            adapter.Match(checkpoint);
            return adapter;
        }
        catch
        {
            adapter.Dispose();
            throw;
        }
    }

    /// <summary>Adds s · B · A to a tensor. Does nothing if the adapter does not change this tensor.</summary>
    /// <param name="name">The name of the tensor in the checkpoint.</param>
    /// <param name="tensor">Its values, of any dtype and on any device. The sum is computed in F32.</param>
    public void AddTo(string name, Tensor tensor)
    {
        if (!_pairs.TryGetValue(name, out var pair))
        {
            return;
        }

        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var (a, b) = (Values(pair.A!, name, tensor.device), Values(pair.B!, name, tensor.device));
        tensor.copy_(addmm(tensor.to(ScalarType.Float32), b, a, beta: 1, alpha: (float)_scale));
    }

    public void Dispose() => _file.Dispose();

    private void ReadPairs(int rank)
    {
        foreach (var (name, tensor) in _file.Tensors)
        {
            if (TensorName().Match(name) is not { Success: true } match)
            {
                throw new CheckpointException(
                    tensor.File,
                    $"tensor {name} is not supported; expected base_model.model.….lora_A.weight and ….lora_B.weight of matrices");
            }

            var adapted = match.Groups["module"].Value + ".weight";
            var pair = _pairs.GetValueOrDefault(adapted);
            var isA = match.Groups["side"].Value == "A";
            if (tensor.Shape.Count != 2 || tensor.Shape[isA ? 0 : 1] != rank)
            {
                throw new CheckpointException(
                    tensor.File,
                    $"tensor {name} has shape {Shape.Text([.. tensor.Shape])}, expected rank {rank}, which is r in adapter_config.json");
            }

            _pairs[adapted] = isA ? pair with { A = tensor } : pair with { B = tensor };
        }

        if (_pairs.Count == 0)
        {
            throw new CheckpointException(_file.Path, "the file has no tensors");
        }
    }

    private void Match(ITensorSource checkpoint)
    {
        foreach (var (name, pair) in _pairs)
        {
            if (pair is not { A: { } a, B: { } b })
            {
                throw new CheckpointException(_file.Path, $"{name} has only one of lora_A and lora_B");
            }

            var shape = checkpoint.Contains(name) ? checkpoint.ShapeOf(name) : null;
            if (shape is null || !shape.SequenceEqual([b.Shape[0], a.Shape[1]]))
            {
                throw new CheckpointException(
                    _folder,
                    $"the adapter changes {name} of shape {Shape.Text([b.Shape[0], a.Shape[1]])}, but "
                        + (shape is null ? "the checkpoint does not have it" : $"it has shape {Shape.Text(shape)} in the checkpoint")
                        + ": the adapter was made for another checkpoint");
            }
        }
    }

    private static Tensor Values(StoredTensor stored, string name, Device device)
    {
        var values = empty([.. stored.Shape], ScalarType.Float32);
        TensorReader.Copy(stored, values, CheckpointTensors.DefaultChunkBytes);
        return values.isfinite().all().item<bool>()
            ? values.to(device)
            : throw new CheckpointException(stored.File, $"the adapter has values for {name} that are not finite");
    }

    [GeneratedRegex(@"^base_model\.model\.(?<module>[\w.]+)\.lora_(?<side>[AB])(\.default)?\.weight\z")]
    private static partial Regex TensorName();

    private readonly record struct Pair(StoredTensor? A, StoredTensor? B);
}
