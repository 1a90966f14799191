using Yue.Engine.Weights;

namespace Yue.Engine.Demo;

/// <summary>A small codec checkpoint with every tensor name of the real one and random weights.</summary>
internal static class DemoCodec
{
    private const int BaseChannels = 4;
    private const int LatentChannels = 16;
    private const int Codebooks = 12;
    private const int CodebookSize = 1024;
    private const int Hidden = DemoHubert.HiddenSize;

    // Measured: the decoded waveform's deviation is then about a tenth, its peaks about a half.
    private const float OutputGain = 0.05f;

    /// <summary>Channels of the quantizer: the acoustic and the semantic ones.</summary>
    public const int EmbeddingChannels = LatentChannels + Hidden;

    private static readonly int[] Ratios = [8, 5, 4, 2];

    /// <summary>Writes <c>final_ckpt</c> and <c>semantic_ckpts</c> of a codec folder.</summary>
    public static void Write(string codecFolder)
    {
        var folder = Directory.CreateDirectory(Path.Combine(codecFolder, "final_ckpt")).FullName;
        File.WriteAllText(Path.Combine(folder, "config.yaml"), ConfigYaml);
        TorchCheckpointWriter.Write(Path.Combine(folder, "ckpt_00360000.pth"), "codec_model", Tensors());
        DemoHubert.WriteConfig(codecFolder);
    }

    private static string ConfigYaml { get; } = $"""
        generator:
          name: SoundStream
          config:
            n_filters: 32
            D: {LatentChannels}
            target_bandwidths:
            - 0.5
            - 1
            - 1.5
            - 2
            - 4
            - 6
            ratios:
            - 8
            - 5
            - 4
            - 2
            sample_rate: 16000
            bins: {CodebookSize}

        """;

    private static IReadOnlyList<TensorData> Tensors()
    {
        var tensors = new DemoTensors("codec");
        AddEncoder(tensors);
        AddSemantic(tensors, "encoder_semantic", "conv", null);
        AddSemantic(tensors, "decoder_semantic", "conv1", "conv2");
        for (var k = 0; k < Codebooks; k++)
        {
            var codebook = $"quantizer.vq.layers.{k}._codebook";
            tensors.Constant($"{codebook}.inited", 1, 1);
            tensors.Constant($"{codebook}.cluster_size", 1, CodebookSize);
            tensors.Normal($"{codebook}.embed", 0.4f, CodebookSize, EmbeddingChannels);
            tensors.Normal($"{codebook}.embed_avg", 0.4f, CodebookSize, EmbeddingChannels);
        }

        AddDecoder(tensors);
        DemoHubert.Add(tensors, "semantic_model");
        tensors.Layer("fc_prior", 1, EmbeddingChannels, EmbeddingChannels);
        tensors.Layer("fc_post1", 1, Hidden, EmbeddingChannels);
        tensors.Layer("fc_post2", 1, LatentChannels, EmbeddingChannels);
        return tensors.All;
    }

    private static void AddEncoder(DemoTensors tensors)
    {
        AddConv(tensors, "encoder.block.0", 1, BaseChannels, 1, 7);
        var channels = BaseChannels;
        for (var i = 0; i < Ratios.Length; i++)
        {
            var block = $"encoder.block.{i + 1}.block";
            for (var unit = 0; unit < 3; unit++)
            {
                AddResidualUnit(tensors, $"{block}.{unit}", channels);
            }

            AddSnake(tensors, $"{block}.3", channels);
            AddConv(tensors, $"{block}.4", 1, 2 * channels, channels, 2 * Ratios[i]);
            channels *= 2;
        }

        AddSnake(tensors, "encoder.block.5", channels);
        AddConv(tensors, "encoder.block.6", 1, LatentChannels, channels, 3);
    }

    private static void AddDecoder(DemoTensors tensors)
    {
        var channels = BaseChannels << Ratios.Length;
        AddConv(tensors, "decoder_2.model.0", 1, channels, LatentChannels, 7);
        for (var i = 0; i < Ratios.Length; i++)
        {
            var block = $"decoder_2.model.{i + 1}.block";
            AddSnake(tensors, $"{block}.0", channels);

            // Each output sample gets two taps of every input channel, so this gain keeps the deviation.
            AddWeightNorm(tensors, $"{block}.1", MathF.Sqrt(Ratios[i] / 2f), channels / 2, channels, channels / 2, 2 * Ratios[i]);
            channels /= 2;
            for (var unit = 2; unit < 5; unit++)
            {
                AddResidualUnit(tensors, $"{block}.{unit}", channels);
            }
        }

        AddSnake(tensors, "decoder_2.model.5", channels);
        AddConv(tensors, "decoder_2.model.6", OutputGain, 1, channels, 7);
    }

    /// <summary>The semantic encoder, or the decoder that mirrors it and is not used.</summary>
    private static void AddSemantic(DemoTensors tensors, string root, string first, string? last)
    {
        tensors.Weight($"{root}.{first}.conv.weight", 1, Hidden, Hidden, 3);
        for (var i = 0; i < 2; i++)
        {
            var block = $"{root}.conv_blocks.{i}";
            for (var unit = 0; unit < 2; unit++)
            {
                tensors.Weight($"{block}.res_units.{unit}.conv1.conv.weight", 1, Hidden, Hidden, 3);
                tensors.Weight($"{block}.res_units.{unit}.conv2.weight", 0.5f, Hidden, Hidden, 1);
            }

            tensors.Layer($"{block}.conv.conv", 1, Hidden, Hidden, 3);
        }

        if (last is not null)
        {
            tensors.Weight($"{root}.{last}.conv.weight", 1, Hidden, Hidden, 3);
        }
    }

    private static void AddResidualUnit(DemoTensors tensors, string name, int channels)
    {
        AddSnake(tensors, $"{name}.block.0", channels);
        AddConv(tensors, $"{name}.block.1", 0.7f, channels, channels, 7);
        AddSnake(tensors, $"{name}.block.2", channels);
        AddConv(tensors, $"{name}.block.3", 0.3f, channels, channels, 1);
    }

    private static void AddSnake(DemoTensors tensors, string name, int channels) =>
        tensors.Add($"{name}.alpha", [1, channels, 1], (random, i) => 0.5f + random.Uniform(i));

    private static void AddConv(DemoTensors tensors, string name, float gain, int outputs, int inputs, int kernel) =>
        AddWeightNorm(tensors, name, gain, outputs, outputs, inputs, kernel);

    /// <summary>A convolution with weight norm over all axes but the first (MODEL.md section 5.1).</summary>
    private static void AddWeightNorm(DemoTensors tensors, string name, float gain, int biases, params ReadOnlySpan<long> shape)
    {
        tensors.Normal($"{name}.bias", 0.02f, biases);
        tensors.Add($"{name}.weight_g", [shape[0], 1, 1], (random, i) => gain * (0.8f + (0.4f * random.Uniform(i))));
        tensors.Weight($"{name}.weight_v", 1, shape);
    }
}
