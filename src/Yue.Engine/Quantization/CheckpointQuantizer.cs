using Yue.Cuda.Decode;
using Yue.Engine.Llama;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Quantization;

/// <summary>Quantizes a Llama checkpoint, one block after another. Each finished block is a separate file of the result, so an
/// interrupted run continues after the last finished block.</summary>
/// <param name="config">The checkpoint's dimensions.</param>
/// <param name="source">Its tensors in F32, on the device that computes.</param>
/// <param name="stored">Its tensors as they are stored.</param>
/// <param name="folder">Receives the result.</param>
/// <param name="record">The record of the run.</param>
internal sealed class CheckpointQuantizer(
    LlamaConfig config, ITensorSource source, Checkpoint stored, QuantizedFolder folder, QuantizationRecord record)
{
    private const string Embedding = "model.embed_tokens.weight";
    private const string Norm = "model.norm.weight";
    private const string Head = "lm_head.weight";

    private static readonly string[] AttentionMatrices = ["q_proj", "k_proj", "v_proj", "o_proj"];
    private static readonly string[] FeedForwardMatrices = ["gate_proj", "up_proj", "down_proj"];

    /// <summary>The names of the shards: one for the embedding, one for each block, and one for the head.</summary>
    public IReadOnlyList<string> Shards { get; } = ShardsOf(config);

    /// <summary>Returns the fraction of a checkpoint's blocks that a folder contains. The head counts as a block.</summary>
    public static double FinishedShare(LlamaConfig config, QuantizedFolder folder) =>
        ShardsOf(config).Skip(1).Count(folder.Has) / (config.Layers + 1.0);

    /// <summary>Returns the size of the result in bytes.</summary>
    public static long BytesOf(LlamaConfig config, WeightType type) =>
        LlamaMemory.WeightBytes(config with { TieWordEmbeddings = false }, type);

    /// <summary>Throws if an adapter changes tensors that are not rounded.</summary>
    /// <param name="config">The checkpoint's dimensions.</param>
    /// <param name="adapted">The names of the tensors that the adapter changes.</param>
    /// <param name="adapter">The adapter's folder.</param>
    public static void CheckAdapter(LlamaConfig config, IEnumerable<string> adapted, string adapter)
    {
        var names = Enumerable.Range(0, config.Layers).SelectMany(MatricesOf).Append(Head).ToHashSet();
        if (adapted.FirstOrDefault(name => !names.Contains(name)) is { } other)
        {
            throw new CheckpointException(adapter, $"the adapter changes {other}, which the model does not use as a matrix");
        }
    }

    /// <summary>Writes the shards that do not exist yet.</summary>
    /// <param name="sequences">The ids to calibrate with; if there are none, each weight is rounded independently.</param>
    /// <param name="report">Called with the fraction done.</param>
    /// <param name="cancel">Checked between sequences and matrices.</param>
    public void Run(IReadOnlyList<int[]> sequences, Action<double> report, CancellationToken cancel)
    {
        using var noGradient = no_grad();
        if (!folder.Has(Shards[0]))
        {
            folder.Write(Shards[0], record, Plain(Embedding));
        }

        using var rope = new Rope(config.HeadSize, config.RopeTheta, sequences.Select(ids => ids.Length).Append(1).Max(), source.Device);
        using var calibration = new LayerCalibration(config, rope);
        Embed(sequences, calibration);
        for (var layer = 0; layer < config.Layers; layer++)
        {
            cancel.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            RunLayer(layer, sequences.Count > 0 ? calibration : null, cancel);
            report((layer + 1.0) / (config.Layers + 1));
        }

        if (!folder.Has(Shards[^1]))
        {
            using var scope = NewDisposeScope();
            var head = source.Read(
                config.TieWordEmbeddings ? Embedding : Head, config.VocabularySize, config.HiddenSize);
            using var rounded = PlainRounding.Round(head, record.Type, GroupedWeights.HeadTerms);
            folder.Write(Shards[^1], record, Plain(Norm), Codes(Head, rounded.Pack(), GroupedWeights.HeadTerms * config.VocabularySize));
        }

        report(1);
    }

    private static string[] ShardsOf(LlamaConfig config) =>
    [
        .. Enumerable.Range(1, config.Layers + 2)
            .Select(i => FormattableString.Invariant($"model-{i:D5}-of-{config.Layers + 2:D5}.safetensors")),
    ];

    private static IEnumerable<string> MatricesOf(int layer)
    {
        var (prefix, names) = ($"model.layers.{layer}.", BlockNames.Llama);
        return AttentionMatrices.Select(name => $"{prefix}{names.Attention}.{name}.weight")
            .Concat(FeedForwardMatrices.Select(name => $"{prefix}{names.FeedForward}.{name}.weight"));
    }

    private void Embed(IReadOnlyList<int[]> sequences, LayerCalibration calibration)
    {
        if (sequences.Count == 0)
        {
            return;
        }

        using var scope = NewDisposeScope();
        var table = source.Read(Embedding, config.VocabularySize, config.HiddenSize);
        foreach (var ids in sequences)
        {
            calibration.Add(table.index_select(0, tensor(Array.ConvertAll(ids, id => (long)id), device: source.Device)));
        }
    }

    /// <summary>Rounds and writes a block, or runs the sequences through the block if its file already exists.</summary>
    private void RunLayer(int layer, LayerCalibration? calibration, CancellationToken cancel)
    {
        var (prefix, shard) = ($"model.layers.{layer}.", Shards[layer + 1]);
        if (folder.Has(shard))
        {
            if (calibration is not null)
            {
                using var file = folder.Open(shard);
                using var finished = LlamaLayerWeights.Load(
                    config, new CheckpointTensors(file, ScalarType.Float32, source.Device), prefix, BlockNames.Llama);
                calibration.Run(finished, cancel);
            }

            return;
        }

        using var weights = LlamaLayerWeights.Load(config, source, prefix, BlockNames.Llama);
        using var rounded = calibration?.Round(weights, record.Type, cancel) ?? RoundedLayer.Plain(weights, record.Type);
        folder.Write(shard, record, TensorsOf(prefix, rounded));
    }

    private TensorBytes[] TensorsOf(string prefix, RoundedLayer layer)
    {
        var names = BlockNames.Llama;
        var (attention, feedForward) = ($"{prefix}{names.Attention}.", $"{prefix}{names.FeedForward}.");
        var (q, kv) = (config.Heads * config.HeadSize, config.KeyValueHeads * config.HeadSize);
        var qkv = layer.Qkv.Pack();
        var rowBytes = qkv.Length / (q + (2 * kv));
        var (gate, up) = Separate(layer.GateUp.Pack(), config.IntermediateSize);
        return
        [
            Plain($"{prefix}{names.InputNorm}.weight"),
            Codes(attention + "q_proj.weight", qkv[..(q * rowBytes)], q),
            Codes(attention + "k_proj.weight", qkv[(q * rowBytes)..((q + kv) * rowBytes)], kv),
            Codes(attention + "v_proj.weight", qkv[((q + kv) * rowBytes)..], kv),
            Codes(attention + "o_proj.weight", layer.Output.Pack(), config.HiddenSize),
            Plain($"{prefix}{names.PostNorm}.weight"),
            Codes(feedForward + "gate_proj.weight", gate, config.IntermediateSize),
            Codes(feedForward + "up_proj.weight", up, config.IntermediateSize),
            Codes(feedForward + "down_proj.weight", layer.Down.Pack(), config.HiddenSize),
        ];
    }

    /// <summary>Separates rows that alternate.</summary>
    private static (byte[] Even, byte[] Odd) Separate(byte[] rows, int pairs)
    {
        var rowBytes = rows.Length / (2 * pairs);
        var (even, odd) = (new byte[pairs * rowBytes], new byte[pairs * rowBytes]);
        for (var i = 0; i < pairs; i++)
        {
            rows.AsSpan(2 * i * rowBytes, rowBytes).CopyTo(even.AsSpan(i * rowBytes));
            rows.AsSpan(((2 * i) + 1) * rowBytes, rowBytes).CopyTo(odd.AsSpan(i * rowBytes));
        }

        return (even, odd);
    }

    private static TensorBytes Codes(string name, byte[] rows, int count) =>
        new(GroupedReader.CodesOf(name)!, ScalarType.Byte, [count, rows.Length / count], rows);

    /// <summary>Returns a tensor as it is stored.</summary>
    private TensorBytes Plain(string name)
    {
        if (!stored.Tensors.TryGetValue(name, out var from))
        {
            throw new CheckpointException(stored.Path, $"tensor {name} is missing");
        }

        using var values = empty([.. from.Shape], from.Dtype);
        TensorReader.Copy(from, values, CheckpointTensors.DefaultChunkBytes);
        return new TensorBytes(name, from.Dtype, [.. from.Shape], values.bytes.ToArray());
    }
}
