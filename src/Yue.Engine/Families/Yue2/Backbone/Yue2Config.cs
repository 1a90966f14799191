using Yue.Engine.Families.Yue2.Tokens;
using Yue.Engine.Llama;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue2.Backbone;

/// <summary>The dimensions of a YuE 2 checkpoint, from its config.json (docs/model-yue2.md 1).</summary>
public sealed record Yue2Config
{
    /// <summary>The number of cosines and sines in the time embedding.</summary>
    public const int TimeVectorSize = 256;

    private const string FileName = "config.json";

    /// <summary>The dimensions of the language model. The blocks that write tokens and those of flow matching have the same
    /// shape.</summary>
    public required LlamaConfig Language { get; init; }

    /// <summary>The size of a latent frame.</summary>
    public required int LatentSize { get; init; }

    /// <summary>The number of rows in the table of frame positions.</summary>
    public required int MaxLatentFrames { get; init; }

    /// <summary>The factor that warps the time of flow matching; 1 does not change it.</summary>
    public required double TimestepShift { get; init; }

    /// <summary>Reads the <c>config.json</c> file of a checkpoint folder.</summary>
    /// <exception cref="CheckpointException">A value is missing or not supported.</exception>
    public static Yue2Config Load(string folder)
    {
        using var json = JsonConfig.Read(Path.Combine(folder, FileName));
        json.Expect("model_type", "yue2");
        json.Expect("latent_type", "vae");
        json.Expect("tie_word_embeddings", false);
        var heads = json.Positive("num_attention_heads");
        var keyValueHeads = json.Positive("num_key_value_heads");
        var headSize = json.Positive("head_dim");
        if (headSize % 2 != 0)
        {
            throw json.Unsupported("head_dim", "an even number");
        }

        if (heads % keyValueHeads != 0)
        {
            throw json.Unsupported("num_key_value_heads", $"a divisor of num_attention_heads, {heads}");
        }

        return new Yue2Config
        {
            Language = new LlamaConfig
            {
                HiddenSize = json.Positive("hidden_size"),
                IntermediateSize = json.Positive("intermediate_size"),
                Layers = json.Positive("num_hidden_layers"),
                Heads = heads,
                KeyValueHeads = keyValueHeads,
                HeadSize = headSize,
                VocabularySize = Vocabulary(json),
                MaxPositions = json.Positive("max_position_embeddings"),
                RopeTheta = json.PositiveNumber("rope_theta"),
                RmsNormEpsilon = json.PositiveNumber("rms_norm_eps"),
                TieWordEmbeddings = false,
                StoredDtype = ScalarType.BFloat16,
                NormsQueriesAndKeys = true,
            },
            LatentSize = json.Positive("latent_dim"),
            MaxLatentFrames = json.Positive("max_latent_frames"),
            TimestepShift = json.PositiveNumber("timestep_shift"),
        };
    }

    /// <summary>Returns the dimensions with the context reduced to a limit; 0 means no limit.</summary>
    public Yue2Config WithContext(int limit) => limit == 0
        ? this
        : this with { Language = Language with { MaxPositions = Math.Min(Language.MaxPositions, limit) } };

    private static int Vocabulary(JsonConfig json) =>
        json.Positive("vocab_size") == TokenIds.Count
            ? TokenIds.Count
            : throw json.Unsupported("vocab_size", $"{TokenIds.Count}");
}
