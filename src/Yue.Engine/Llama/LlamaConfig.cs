using Yue.Cuda.Decode;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Llama;

/// <summary>The dimensions of a Llama checkpoint, from its config.json (docs/model.md section 2.1).</summary>
public sealed record LlamaConfig
{
    private const string FileName = "config.json";

    /// <summary>The width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>The width of the feed-forward layer.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>L, the number of layers.</summary>
    public required int Layers { get; init; }

    /// <summary>H, the number of query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>K, the number of key-value heads; H is a multiple of it.</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>D, the size of one head; even. H·D need not be the hidden size.</summary>
    public required int HeadSize { get; init; }

    /// <summary>V, the number of rows of the embedding.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>The number of positions that the model was trained for.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>The base of the rotary angles.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>The epsilon of RMSNorm.</summary>
    public required double RmsNormEpsilon { get; init; }

    /// <summary>True if the output matrix is the embedding. The checkpoint then has no <c>lm_head.weight</c>.</summary>
    public required bool TieWordEmbeddings { get; init; }

    /// <summary>True if every query and key head is normalized before it is rotated.</summary>
    public bool NormsQueriesAndKeys { get; init; }

    /// <summary>The dtype that the checkpoint was saved in, according to its config; F32 if the config has none, as in
    /// transformers.</summary>
    public required ScalarType StoredDtype { get; init; }

    /// <summary>The type of the stored matrices if the checkpoint is quantized; null if it is not.</summary>
    public WeightType? QuantizedType { get; init; }

    /// <summary>True if the files of the checkpoint are quantized.</summary>
    public bool IsQuantized => QuantizedType is not null;

    /// <summary>The number of weights, whatever the type in which they are stored.</summary>
    public long Parameters => LlamaMemory.WeightBytes(this, WeightType.BFloat16) / sizeof(ushort);

    /// <summary>Returns the type of the matrices on a GPU. A quantized file keeps its type, unless the settings specify f32: then
    /// everything is computed in float32.</summary>
    /// <param name="setting">The type in the settings.</param>
    public WeightType TypeOnGpu(WeightType setting) => setting == WeightType.Float32 ? setting : QuantizedType ?? setting;

    /// <summary>Reads the <c>config.json</c> file of a checkpoint folder.</summary>
    /// <exception cref="CheckpointException">A value is missing or not supported.</exception>
    public static LlamaConfig Load(string folder)
    {
        using var json = JsonConfig.Read(Path.Combine(folder, FileName));
        RefuseUnsupported(json);
        var hiddenSize = json.Positive("hidden_size");
        var heads = json.Positive("num_attention_heads");
        var config = new LlamaConfig
        {
            HiddenSize = hiddenSize,
            IntermediateSize = json.Positive("intermediate_size"),
            Layers = json.Positive("num_hidden_layers"),
            Heads = heads,
            KeyValueHeads = json.Positive("num_key_value_heads", heads),
            HeadSize = json.Positive("head_dim", hiddenSize % heads == 0 ? hiddenSize / heads : null),
            VocabularySize = json.Positive("vocab_size"),
            MaxPositions = json.Positive("max_position_embeddings"),
            RopeTheta = json.PositiveNumber("rope_theta"),
            RmsNormEpsilon = json.PositiveNumber("rms_norm_eps"),
            TieWordEmbeddings = json.Boolean("tie_word_embeddings", fallback: false),
            StoredDtype = Dtype(json),
            QuantizedType = QuantizationConfig.Read(json),
        };
        if (config.HeadSize % 2 != 0)
        {
            throw json.Unsupported("head_dim", $"an even number (default: hidden_size / num_attention_heads, {hiddenSize} / {heads})");
        }

        return config.Heads % config.KeyValueHeads == 0
            ? config
            : throw json.Unsupported("num_key_value_heads", $"a divisor of num_attention_heads, {heads}");
    }

    private static void RefuseUnsupported(JsonConfig json)
    {
        json.Expect("model_type", "llama");
        json.Expect("hidden_act", "silu");
        json.Expect("attention_bias", false);
        json.Expect("mlp_bias", false);
        json.ExpectNone("rope_scaling");
        json.ExpectNone("rope_parameters");
    }

    private static ScalarType Dtype(JsonConfig json)
    {
        var key = json.Text("torch_dtype") is null ? "dtype" : "torch_dtype";
        return json.Text(key) switch
        {
            null or "float32" => ScalarType.Float32,
            "bfloat16" => ScalarType.BFloat16,
            "float16" => ScalarType.Float16,
            _ => throw json.Unsupported(key, "bfloat16, float16 or float32"),
        };
    }
}
