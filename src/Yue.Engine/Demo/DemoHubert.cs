namespace Yue.Engine.Demo;

/// <summary>The codec's small HuBERT: twelve layers as in the real one, narrow.</summary>
internal static class DemoHubert
{
    public const int HiddenSize = 48;

    private const int Layers = 12;
    private const int Heads = 4;
    private const int IntermediateSize = 96;
    private const int ConvChannels = 32;
    private const int PositionKernel = 128;
    private const int PositionGroups = 16;

    private static readonly int[] Kernels = [10, 3, 3, 3, 3, 2, 2];

    /// <summary>Writes <c>semantic_ckpts/hf_1_325000/config.json</c> of a codec folder.</summary>
    public static void WriteConfig(string codecFolder)
    {
        var folder = Directory.CreateDirectory(Path.Combine(codecFolder, "semantic_ckpts", "hf_1_325000")).FullName;
        File.WriteAllText(Path.Combine(folder, "config.json"), ConfigJson);
    }

    /// <summary>Adds the tensors under a prefix.</summary>
    public static void Add(DemoTensors tensors, string root)
    {
        tensors.Normal($"{root}.masked_spec_embed", 0.1f, HiddenSize);
        var inputs = 1;
        for (var i = 0; i < Kernels.Length; i++)
        {
            var conv = $"{root}.feature_extractor.conv_layers.{i}";

            // GELU passes less than half of the power on.
            tensors.Weight($"{conv}.conv.weight", 1.5f, ConvChannels, inputs, Kernels[i]);
            if (i == 0)
            {
                tensors.Norm($"{conv}.layer_norm", ConvChannels);
            }

            inputs = ConvChannels;
        }

        tensors.Norm($"{root}.feature_projection.layer_norm", ConvChannels);
        tensors.Layer($"{root}.feature_projection.projection", 1, HiddenSize, ConvChannels);
        tensors.Normal($"{root}.encoder.pos_conv_embed.conv.bias", 0.02f, HiddenSize);
        tensors.Constant($"{root}.encoder.pos_conv_embed.conv.weight_g", 0.5f, 1, 1, PositionKernel);
        tensors.Weight($"{root}.encoder.pos_conv_embed.conv.weight_v", 1, HiddenSize, HiddenSize / PositionGroups, PositionKernel);
        tensors.Norm($"{root}.encoder.layer_norm", HiddenSize);
        for (var i = 0; i < Layers; i++)
        {
            AddLayer(tensors, $"{root}.encoder.layers.{i}");
        }
    }

    private static void AddLayer(DemoTensors tensors, string layer)
    {
        foreach (var projection in (string[])["k_proj", "v_proj", "q_proj", "out_proj"])
        {
            tensors.Layer($"{layer}.attention.{projection}", 1, HiddenSize, HiddenSize);
        }

        tensors.Norm($"{layer}.layer_norm", HiddenSize);
        tensors.Layer($"{layer}.feed_forward.intermediate_dense", 1, IntermediateSize, HiddenSize);
        tensors.Layer($"{layer}.feed_forward.output_dense", 1, HiddenSize, IntermediateSize);
        tensors.Norm($"{layer}.final_layer_norm", HiddenSize);
    }

    private static string ConfigJson { get; } = $$"""
        {
          "architectures": [
            "HubertModel"
          ],
          "model_type": "hubert",
          "hidden_size": {{HiddenSize}},
          "num_hidden_layers": {{Layers}},
          "num_attention_heads": {{Heads}},
          "intermediate_size": {{IntermediateSize}},
          "conv_dim": [{{string.Join(", ", Enumerable.Repeat(ConvChannels, Kernels.Length))}}],
          "conv_kernel": [{{string.Join(", ", Kernels)}}],
          "conv_stride": [5, 2, 2, 2, 2, 2, 2],
          "conv_bias": false,
          "feat_extract_norm": "group",
          "feat_extract_activation": "gelu",
          "feat_proj_layer_norm": true,
          "do_stable_layer_norm": false,
          "hidden_act": "gelu",
          "layer_norm_eps": 1e-05,
          "num_conv_pos_embeddings": {{PositionKernel}},
          "num_conv_pos_embedding_groups": {{PositionGroups}}
        }

        """;
}
