using Yue.Engine.Weights;

namespace Yue.Engine.Demo;

/// <summary>A small Llama checkpoint with the vocabulary and head size of the real one and random weights.</summary>
/// <remarks>The deviations make logits spread by about two, so that sampling neither repeats itself nor is uniform.</remarks>
internal sealed record DemoLanguageModel
{
    private const int HiddenSize = 32;
    private const int IntermediateSize = 96;
    private const int HeadSize = 128;
    private const float LogitDeviation = 2;

    public required string Name { get; init; }

    public required int Layers { get; init; }

    public required int Heads { get; init; }

    public required int KeyValueHeads { get; init; }

    public required int VocabularySize { get; init; }

    public required int MaxPositions { get; init; }

    public required bool TieWordEmbeddings { get; init; }

    /// <summary>Grouped heads, 8 to 1, as in the 7B model.</summary>
    public static DemoLanguageModel Stage1 { get; } = new()
    {
        Name = "YuE-s1-demo",
        Layers = 3,
        Heads = 8,
        KeyValueHeads = 1,
        VocabularySize = 83968,
        MaxPositions = 16384,
        TieWordEmbeddings = false,
    };

    /// <summary>A key-value head for each head, as in the 1B model.</summary>
    public static DemoLanguageModel Stage2 { get; } = new()
    {
        Name = "YuE-s2-demo",
        Layers = 2,
        Heads = 2,
        KeyValueHeads = 2,
        VocabularySize = 83840,
        MaxPositions = 8192,
        TieWordEmbeddings = true,
    };

    /// <summary>Writes config.json, generation_config.json and the weights in one file or two shards.</summary>
    public void Write(string folder, bool inShards)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "config.json"), ConfigJson());
        File.WriteAllText(Path.Combine(folder, "generation_config.json"), GenerationConfigJson);
        var tensors = Tensors();
        if (inShards)
        {
            SafetensorsWriter.WriteShards(folder, [[.. tensors.Take(tensors.Count / 2)], [.. tensors.Skip(tensors.Count / 2)]]);
        }
        else
        {
            SafetensorsWriter.Write(Path.Combine(folder, SafetensorsCheckpoint.SingleFile), tensors);
        }
    }

    private const string GenerationConfigJson = """
        {
          "_from_model_config": true,
          "bos_token_id": 1,
          "eos_token_id": 2,
          "transformers_version": "4.48.1"
        }

        """;

    private string ConfigJson() => $$"""
        {
          "architectures": [
            "LlamaForCausalLM"
          ],
          "attention_bias": false,
          "attention_dropout": 0.0,
          "bos_token_id": 1,
          "eos_token_id": 2,
          "head_dim": {{HeadSize}},
          "hidden_act": "silu",
          "hidden_size": {{HiddenSize}},
          "initializer_range": 0.02,
          "intermediate_size": {{IntermediateSize}},
          "max_position_embeddings": {{MaxPositions}},
          "mlp_bias": false,
          "model_type": "llama",
          "num_attention_heads": {{Heads}},
          "num_hidden_layers": {{Layers}},
          "num_key_value_heads": {{KeyValueHeads}},
          "pretraining_tp": 1,
          "rms_norm_eps": 1e-05,
          "rope_scaling": null,
          "rope_theta": 10000.0,
          "tie_word_embeddings": {{(TieWordEmbeddings ? "true" : "false")}},
          "torch_dtype": "bfloat16",
          "transformers_version": "4.48.1",
          "use_cache": true,
          "vocab_size": {{VocabularySize}}
        }

        """;

    private IReadOnlyList<TensorData> Tensors()
    {
        var tensors = new DemoTensors(Name, inBFloat16: true);
        var (query, keyValue) = (Heads * HeadSize, KeyValueHeads * HeadSize);

        // A tied matrix is also the output, which multiplies a vector of deviation 1.
        tensors.Weight("model.embed_tokens.weight", LogitDeviation, VocabularySize, HiddenSize);
        for (var i = 0; i < Layers; i++)
        {
            var layer = $"model.layers.{i}";
            tensors.Constant($"{layer}.input_layernorm.weight", 1, HiddenSize);
            tensors.Weight($"{layer}.self_attn.q_proj.weight", 1, query, HiddenSize);
            tensors.Weight($"{layer}.self_attn.k_proj.weight", 1, keyValue, HiddenSize);
            tensors.Weight($"{layer}.self_attn.v_proj.weight", 1, keyValue, HiddenSize);
            tensors.Weight($"{layer}.self_attn.o_proj.weight", 1, HiddenSize, query);
            tensors.Constant($"{layer}.post_attention_layernorm.weight", 1, HiddenSize);
            tensors.Weight($"{layer}.mlp.gate_proj.weight", 1, IntermediateSize, HiddenSize);
            tensors.Weight($"{layer}.mlp.up_proj.weight", 1, IntermediateSize, HiddenSize);
            tensors.Weight($"{layer}.mlp.down_proj.weight", 1, HiddenSize, IntermediateSize);
        }

        tensors.Constant("model.norm.weight", 1, HiddenSize);
        if (!TieWordEmbeddings)
        {
            tensors.Weight("lm_head.weight", LogitDeviation, VocabularySize, HiddenSize);
        }

        return tensors.All;
    }
}
