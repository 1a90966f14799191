using Xunit;
using Yue.Engine.Families.Yue1.Codec;
using Yue.Engine.Families.Yue1.Demo;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Families.Yue1.Vocoder;
using Yue.Engine.Llama;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Demo;

public sealed class DemoModelTests
{
    private const int Codebooks = 8;

    private static readonly DemoModelFolders Demo = DemoModel.Folders;

    [Fact]
    public void The_model_has_the_real_file_names_and_a_model_card_and_takes_at_most_30_MB()
    {
        var folder = Path.GetDirectoryName(Demo.Stage1)!;
        Assert.Equal(
            [
                "README.md", "YuE-s1-demo/config.json", "YuE-s1-demo/generation_config.json",
                "YuE-s1-demo/model.safetensors", "YuE-s1-demo/tokenizer.model",
                "YuE-s2-demo/config.json", "YuE-s2-demo/generation_config.json", "YuE-s2-demo/model.safetensors",
                "xcodec_mini_infer/decoders/config.yaml", "xcodec_mini_infer/decoders/decoder_131000.pth",
                "xcodec_mini_infer/decoders/decoder_151000.pth",
                "xcodec_mini_infer/final_ckpt/ckpt_00360000.pth", "xcodec_mini_infer/final_ckpt/config.yaml",
                "xcodec_mini_infer/semantic_ckpts/hf_1_325000/config.json",
            ],
            FilesOf(folder));
        Assert.InRange(FilesOf(folder).Sum(name => new FileInfo(Path.Combine(folder, name)).Length), 1_000_000, 30_000_000);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_language_model_has_every_tensor_that_its_config_requires(int stage)
    {
        var folder = stage == 1 ? Demo.Stage1 : Demo.Stage2;
        var config = LlamaConfig.Load(folder);
        using var checkpoint = SafetensorsCheckpoint.Open(folder);
        var tensors = new CheckpointTensors(checkpoint, ScalarType.Float32);

        // Every id of the codebooks that the model writes has a row that is not zero. The rows of unused ids are zero.
        var (first, codebooks) = (TokenMap.XCodecBase, stage == 1 ? 1 : Codebooks);
        Assert.Equal(128, config.HeadSize);
        Assert.True(config.TieWordEmbeddings);
        Assert.InRange(config.VocabularySize, first + (codebooks * TokenMap.CodebookSize), 53_632);
        Assert.Equal((9 * config.Layers) + 2, checkpoint.Tensors.Count);
        Assert.All(checkpoint.Tensors.Values, tensor => Assert.Equal(ScalarType.BFloat16, tensor.Dtype));
        using var rows = tensors.Read("model.embed_tokens.weight", config.VocabularySize, config.HiddenSize);
        using var lengths = rows.norm(1);
        Assert.True(lengths.narrow(0, first, codebooks * TokenMap.CodebookSize).min().item<float>() > 0);
        Assert.Equal(0, lengths.narrow(0, 20_000, 10_000).max().item<float>());
    }

    [Fact]
    public void The_codec_has_the_real_names_and_the_shapes_of_its_configs()
    {
        var (config, hubert) = (CodecConfig.Load(Demo.Codec), HubertConfig.Load(Demo.Codec));
        using var checkpoint = OpenCodec(Demo.Codec);
        var tensors = new CheckpointTensors(checkpoint, ScalarType.Float32);

        Assert.Equal(Codebooks, config.Codebooks);
        var channels = VocosConfig.Load(Demo.Codec).InputChannels;
        using var embed = tensors.Read("quantizer.vq.layers.7._codebook.embed", config.CodebookSize, channels);
        using var prior = tensors.Read("fc_prior.weight", channels, config.LatentChannels + hubert.HiddenSize);
        using var post = tensors.Read("fc_post2.weight", config.LatentChannels, channels);
        using var first = tensors.Read(
            "decoder_2.model.0.weight_v", tensors.ShapeOf("decoder_2.model.0.weight_v")[0], config.LatentChannels, 7);
    }

    [Theory]
    [InlineData("decoder_131000.pth")]
    [InlineData("decoder_151000.pth")]
    public void A_vocoder_has_the_real_names_and_a_Hann_window(string name)
    {
        var config = VocosConfig.Load(Demo.Codec);
        using var checkpoint = TorchCheckpoint.Open(Path.Combine(Demo.Codec, "decoders", name), null);
        using var window = new CheckpointTensors(checkpoint, ScalarType.Float32).Read("head.istft.window", config.FftSamples);
        using var hann = hann_window(config.FftSamples);
        Assert.Equal(9 + (9 * config.Layers), checkpoint.Tensors.Count);
        TensorAssert.Close(hann, window, 1e-6);
    }

    private static Checkpoint OpenCodec(string folder) =>
        TorchCheckpoint.Open(Path.Combine(folder, "final_ckpt", "ckpt_00360000.pth"), "codec_model");

    private static string[] FilesOf(string folder) =>
        [.. Directory.GetFiles(folder, "*", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(folder, path)).Order(StringComparer.Ordinal)];
}
