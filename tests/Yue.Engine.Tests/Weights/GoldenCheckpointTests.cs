using Xunit;
using Yue.Engine.Families.Yue1.Codec;
using Yue.Engine.Families.Yue1.Vocoder;
using Yue.Engine.Llama;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Weights;

[Trait("Category", Goldens.Category)]
public sealed class GoldenCheckpointTests
{
    private static readonly string Codec = Goldens.PathOf("xcodec_mini_infer");

    [Theory]
    [InlineData("stage1")]
    [InlineData("stage2")]
    public void A_language_model_has_the_shapes_of_its_config(string stage)
    {
        var config = LlamaConfig.Load(Goldens.PathOf(stage));
        using var checkpoint = SafetensorsCheckpoint.Open(Goldens.PathOf(stage));
        var tensors = new CheckpointTensors(checkpoint, ScalarType.Float32);

        using var embedding = tensors.Read("model.embed_tokens.weight", config.VocabularySize, config.HiddenSize);
        using var key = tensors.Read(
            $"model.layers.{config.Layers - 1}.self_attn.k_proj.weight", (long)config.KeyValueHeads * config.HeadSize, config.HiddenSize);

        Assert.Equal(config.StoredDtype, checkpoint.Tensors["model.norm.weight"].Dtype);
        Assert.Equal(!config.TieWordEmbeddings, tensors.Contains("lm_head.weight"));
        Assert.False(tensors.Contains($"model.layers.{config.Layers}.self_attn.k_proj.weight"));
        Assert.All([embedding, key], weight => Assert.InRange(weight.std().item<float>(), 1e-3f, 10f));
    }

    [Fact]
    public void The_codec_has_the_shapes_of_its_configs_and_the_foreign_object_is_ignored()
    {
        var (config, hubert) = (CodecConfig.Load(Codec), HubertConfig.Load(Codec));
        using var checkpoint = TorchCheckpoint.Open(Path.Combine(Codec, "final_ckpt", "ckpt_00360000.pth"), "codec_model");
        var tensors = new CheckpointTensors(checkpoint, ScalarType.Float32);

        Assert.Equal(
            (320, 50, 12, 1, 8),
            (config.HopSamples, config.FrameRateHz, config.Codebooks, config.CodebooksFor(0.5), config.CodebooksFor(4)));
        Assert.Equal(config.CodebookSize, tensors.ShapeOf($"quantizer.vq.layers.{config.Codebooks - 1}._codebook.embed")[0]);
        Assert.False(tensors.Contains($"quantizer.vq.layers.{config.Codebooks}._codebook.embed"));
        using var fcPost = tensors.Read("fc_post2.weight", config.LatentChannels, tensors.ShapeOf("fc_prior.weight")[0]);
        using var position = tensors.Read(
            "semantic_model.encoder.pos_conv_embed.conv.weight_v", hubert.HiddenSize,
            hubert.HiddenSize / hubert.PositionGroups, hubert.PositionKernel);
        Assert.All([fcPost, position], weight => Assert.True(weight.isfinite().all().item<bool>()));
    }

    [Fact]
    public void The_vocoder_has_the_shapes_of_its_config_and_a_Hann_window()
    {
        var config = VocosConfig.Load(Codec);
        using var checkpoint = TorchCheckpoint.Open(Path.Combine(Codec, "decoders", "decoder_131000.pth"), rootKey: null);
        var tensors = new CheckpointTensors(checkpoint, ScalarType.Float32);

        using var window = tensors.Read("head.istft.window", config.FftSamples);
        using var hann = hann_window(config.FftSamples);
        TensorAssert.Close(hann, window, 1e-6);
        Assert.Equal([config.FftSamples + 2, config.Channels], tensors.ShapeOf("head.out.weight"));
        Assert.Equal([config.Channels, config.InputChannels, 7], tensors.ShapeOf("backbone.embed.weight"));
        Assert.Equal(
            [config.IntermediateChannels, config.Channels], tensors.ShapeOf($"backbone.convnext.{config.Layers - 1}.pwconv1.weight"));
        Assert.False(tensors.Contains($"backbone.convnext.{config.Layers}.pwconv1.weight"));
    }

    [Fact]
    public void A_file_of_expected_values_is_read_as_a_checkpoint()
    {
        using var checkpoint = SafetensorsFile.Open(Goldens.PathOf("stage1", "expected.safetensors"));
        Assert.NotEmpty(checkpoint.Tensors);
        Assert.All(checkpoint.Tensors, tensor =>
        {
            using var values = new CheckpointTensors(checkpoint, ScalarType.Float64).Read(tensor.Key, [.. tensor.Value.Shape]);
            Assert.True(values.isfinite().all().item<bool>(), tensor.Key);
        });
    }
}
