using Yue.Engine.Weights;

namespace Yue.Engine.Families.Yue1.Codec;

/// <summary>The dimensions of the codec's HuBERT, from <c>semantic_ckpts/hf_1_325000/config.json</c> (docs/model.md section 5.4).</summary>
public sealed record HubertConfig
{
    /// <summary>Width of the transformer.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>L, the number of transformer layers.</summary>
    public required int Layers { get; init; }

    /// <summary>H, the number of attention heads; a divisor of the hidden size.</summary>
    public required int Heads { get; init; }

    /// <summary>Width of the feed-forward layers.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>The number of output channels of each convolution of the feature extractor.</summary>
    public required IReadOnlyList<int> ConvChannels { get; init; }

    /// <summary>Kernel size of each convolution.</summary>
    public required IReadOnlyList<int> ConvKernels { get; init; }

    /// <summary>Stride of each convolution.</summary>
    public required IReadOnlyList<int> ConvStrides { get; init; }

    /// <summary>Kernel size of the positional convolution; even.</summary>
    public required int PositionKernel { get; init; }

    /// <summary>The number of groups of the positional convolution; a divisor of the hidden size.</summary>
    public required int PositionGroups { get; init; }

    /// <summary>Epsilon of every layer norm.</summary>
    public required double LayerNormEpsilon { get; init; }

    /// <summary>Reads the config of a codec folder.</summary>
    /// <exception cref="CheckpointException">A value is missing or not supported.</exception>
    public static HubertConfig Load(string codecFolder)
    {
        using var json = JsonConfig.Read(Path.Combine(codecFolder, "semantic_ckpts", "hf_1_325000", "config.json"));
        RefuseUnsupported(json);
        var config = new HubertConfig
        {
            HiddenSize = json.Positive("hidden_size"),
            Layers = json.Positive("num_hidden_layers"),
            Heads = json.Positive("num_attention_heads"),
            IntermediateSize = json.Positive("intermediate_size"),
            ConvChannels = json.PositiveList("conv_dim"),
            ConvKernels = json.PositiveList("conv_kernel"),
            ConvStrides = json.PositiveList("conv_stride"),
            PositionKernel = json.Positive("num_conv_pos_embeddings"),
            PositionGroups = json.Positive("num_conv_pos_embedding_groups"),
            LayerNormEpsilon = json.PositiveNumber("layer_norm_eps"),
        };
        config.ExpectConsistent(json);
        return config;
    }

    private static void RefuseUnsupported(JsonConfig json)
    {
        json.Expect("model_type", "hubert");
        json.Expect("feat_extract_norm", "group");
        json.Expect("feat_extract_activation", "gelu");
        json.Expect("hidden_act", "gelu");
        json.Expect("conv_bias", false);
        json.Expect("feat_proj_layer_norm", true);
        json.Expect("do_stable_layer_norm", false);
    }

    private void ExpectConsistent(JsonConfig json)
    {
        if (HiddenSize % Heads != 0)
        {
            throw json.Unsupported("num_attention_heads", $"a divisor of hidden_size, {HiddenSize}");
        }

        if (HiddenSize % PositionGroups != 0)
        {
            throw json.Unsupported("num_conv_pos_embedding_groups", $"a divisor of hidden_size, {HiddenSize}");
        }

        if (PositionKernel % 2 != 0)
        {
            throw json.Unsupported("num_conv_pos_embeddings", "an even number");
        }

        if (ConvKernels.Count != ConvChannels.Count)
        {
            throw json.Unsupported("conv_kernel", $"{ConvChannels.Count} numbers, as many as conv_dim has");
        }

        if (ConvStrides.Count != ConvChannels.Count)
        {
            throw json.Unsupported("conv_stride", $"{ConvChannels.Count} numbers, as many as conv_dim has");
        }
    }
}
