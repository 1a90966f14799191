using Yue.Engine.Weights;

namespace Yue.Engine.Demo;

/// <summary>The two small vocoder checkpoints with every tensor name of the real ones and random weights.</summary>
internal static class DemoVocoder
{
    private const int Channels = 32;
    private const int IntermediateChannels = 96;
    private const int Layers = 8;
    private const int FftSamples = 3528;
    private const int HopSamples = 882;
    private const int Bins = (FftSamples / 2) + 1;

    // Measured: the waveform's peaks are then about a half.
    private const float LoudestLogMagnitude = 3;

    /// <summary>Writes the <c>decoders</c> folder of a codec folder.</summary>
    public static void Write(string codecFolder)
    {
        var folder = Directory.CreateDirectory(Path.Combine(codecFolder, "decoders")).FullName;
        File.WriteAllText(Path.Combine(folder, "config.yaml"), ConfigYaml);
        foreach (var name in (string[])["decoder_131000", "decoder_151000"])
        {
            TorchCheckpointWriter.Write(Path.Combine(folder, $"{name}.pth"), rootKey: null, Tensors(name));
        }
    }

    private static string ConfigYaml { get; } = $"""
        backbone:
          class_path: vocos.models.VocosBackbone
          init_args:
            input_channels: {DemoCodec.EmbeddingChannels}
            dim: {Channels}
            intermediate_dim: {IntermediateChannels}
            num_layers: {Layers}

        head:
          class_path: vocos.heads.ISTFTHead
          init_args:
            dim: {Channels}
            n_fft: {FftSamples}
            hop_length: {HopSamples}
            padding: same

        """;

    private static IReadOnlyList<TensorData> Tensors(string name)
    {
        var tensors = new DemoTensors(name);
        tensors.Layer("backbone.embed", 1, Channels, DemoCodec.EmbeddingChannels, 7);
        tensors.Norm("backbone.norm", Channels);
        for (var i = 0; i < Layers; i++)
        {
            var block = $"backbone.convnext.{i}";
            tensors.Constant($"{block}.gamma", 0.5f, Channels);
            tensors.Layer($"{block}.dwconv", 1, Channels, 1, 7);
            tensors.Norm($"{block}.norm", Channels);
            tensors.Layer($"{block}.pwconv1", 1, IntermediateChannels, Channels);
            tensors.Layer($"{block}.pwconv2", 1, Channels, IntermediateChannels);
        }

        tensors.Norm("backbone.final_layer_norm", Channels);
        AddHead(tensors);
        return tensors.All;
    }

    /// <summary>Log-magnitudes that fall with frequency, as music's do, and phases spread over the circle.</summary>
    private static void AddHead(DemoTensors tensors)
    {
        var scale = 1 / MathF.Sqrt(Channels);
        tensors.Add("head.out.weight", [2 * Bins, Channels],
            (random, i) => (i < Bins * Channels ? 0.5f : 3f) * scale * random.Normal(i));
        tensors.Add("head.out.bias", [2 * Bins], (_, i) => i < Bins ? LoudestLogMagnitude - (8f * i / Bins) : 0);
        tensors.Add("head.istft.window", [FftSamples], (_, i) => (float)(0.5 - (0.5 * Math.Cos(2 * Math.PI * i / FftSamples))));
    }
}
