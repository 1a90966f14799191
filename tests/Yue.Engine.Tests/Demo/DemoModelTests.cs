using Xunit;
using Yue.Engine.Codec;
using Yue.Engine.Demo;
using Yue.Engine.Llama;
using Yue.Engine.Tests.Weights;
using Yue.Engine.Vocoder;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Demo;

public sealed class DemoModelTests(DemoModelTests.Made made) : IClassFixture<DemoModelTests.Made>
{
    private readonly DemoModelFolders _demo = made.Folders;

    public sealed class Made : IDisposable
    {
        private readonly TempFolder _cache = new();

        public Made() => Folders = DemoModel.Ensure(_cache.Root);

        public string Cache => _cache.Root;

        public DemoModelFolders Folders { get; }

        public void Dispose() => _cache.Dispose();
    }

    [Fact]
    public void Made_again_elsewhere_it_is_the_same_bytes_and_under_40_MB()
    {
        using var other = new TempFolder();
        DemoModel.Ensure(other.Root);
        var files = FilesOf(made.Cache);
        Assert.Equal(files, FilesOf(other.Root));
        Assert.All(files, name => Assert.Equal(File.ReadAllBytes(Path.Combine(made.Cache, name)), File.ReadAllBytes(other[name])));
        Assert.InRange(files.Sum(name => new FileInfo(other[name]).Length), 1_000_000, 40_000_000);
    }

    [Fact]
    public void Asked_for_again_it_is_not_made_again()
    {
        var config = new FileInfo(Path.Combine(_demo.Stage1, "config.json"));
        Assert.Equal(_demo, DemoModel.Ensure(made.Cache));
        var written = config.LastWriteTimeUtc;
        config.Refresh();
        Assert.Equal(written, config.LastWriteTimeUtc);
    }

    [Fact]
    public async Task Made_by_several_at_once_it_is_whole_and_no_half_made_one_is_left()
    {
        using var cache = new TempFolder();
        var folders = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => DemoModel.EnsureAsync(cache.Root, TestContext.Current.CancellationToken)));
        Assert.Single(folders.Distinct());
        Assert.Single(Directory.GetFileSystemEntries(cache.Root));
        Assert.Equal(FilesOf(made.Cache), FilesOf(cache.Root));
    }

    [Fact]
    public void It_has_the_real_file_names()
    {
        Assert.Equal(
            ["config.json", "generation_config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json", "tokenizer.model"],
            FilesOf(_demo.Stage1));
        Assert.Equal(["config.json", "generation_config.json", "model.safetensors"], FilesOf(_demo.Stage2));
        Assert.Equal(
            ["decoders/config.yaml", "decoders/decoder_131000.pth", "decoders/decoder_151000.pth", "final_ckpt/ckpt_00360000.pth", "final_ckpt/config.yaml",
             "semantic_ckpts/hf_1_325000/config.json"],
            FilesOf(_demo.Codec));
    }

    [Theory]
    [InlineData(1, 83968)]
    [InlineData(2, 83840)]
    public void A_language_model_has_every_tensor_that_its_config_asks_for(int stage, int vocabulary)
    {
        var folder = stage == 1 ? _demo.Stage1 : _demo.Stage2;
        var config = LlamaConfig.Load(folder);
        using var checkpoint = SafetensorsCheckpoint.Open(folder);
        var tensors = new CheckpointTensors(checkpoint, ScalarType.Float32);

        Assert.Equal((vocabulary, 128), (config.VocabularySize, config.HeadSize));
        Assert.Equal((9 * config.Layers) + (config.TieWordEmbeddings ? 2 : 3), checkpoint.Tensors.Count);
        Assert.All(checkpoint.Tensors.Values, tensor => Assert.Equal(ScalarType.BFloat16, tensor.Dtype));
        using var output = tensors.Read(config.TieWordEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight", vocabulary, config.HiddenSize);

        // A vector of deviation 1, as the last norm leaves it, gives logits that spread by a few units.
        Assert.InRange(output.std().item<float>() * MathF.Sqrt(config.HiddenSize), 1.5f, 3f);
    }

    [Fact]
    public void The_codec_has_the_names_of_the_real_one_and_shapes_of_its_configs()
    {
        var (config, hubert) = (CodecConfig.Load(_demo.Codec), HubertConfig.Load(_demo.Codec));
        using var checkpoint = OpenCodec(_demo.Codec);
        var tensors = new CheckpointTensors(checkpoint, ScalarType.Float32);

        Assert.Equal(530, checkpoint.Tensors.Count);
        Assert.Equal((12, 12), (config.Codebooks, hubert.Layers));
        var channels = config.LatentChannels + hubert.HiddenSize;
        using var embed = tensors.Read("quantizer.vq.layers.11._codebook.embed", config.CodebookSize, channels);
        using var post = tensors.Read("fc_post2.weight", config.LatentChannels, channels);
        using var first = tensors.Read("decoder_2.model.0.weight_v", tensors.ShapeOf("decoder_2.model.0.weight_v")[0], config.LatentChannels, 7);
        Assert.Equal(channels, VocosConfig.Load(_demo.Codec).InputChannels);
    }

    [Theory]
    [InlineData("decoder_131000.pth")]
    [InlineData("decoder_151000.pth")]
    public void A_vocoder_has_the_names_of_the_real_one_and_the_window_of_hann(string name)
    {
        var config = VocosConfig.Load(_demo.Codec);
        using var checkpoint = TorchCheckpoint.Open(Path.Combine(_demo.Codec, "decoders", name), null);
        using var window = new CheckpointTensors(checkpoint, ScalarType.Float32).Read("head.istft.window", config.FftSamples);
        using var hann = hann_window(config.FftSamples);
        Assert.Equal(81, checkpoint.Tensors.Count);
        TensorAssert.Close(hann, window, 1e-6);
    }

    [Fact]
    [Trait("Category", Goldens.Category)]
    public void Every_name_of_the_golden_codec_and_vocoder_is_there_with_as_many_dimensions()
    {
        using var codec = OpenCodec(_demo.Codec);
        using var goldenCodec = OpenCodec(Goldens.PathOf("xcodec_mini_infer"));
        AssertCovers(goldenCodec, codec);

        using var vocoder = TorchCheckpoint.Open(Path.Combine(_demo.Codec, "decoders", "decoder_131000.pth"), null);
        using var goldenVocoder = TorchCheckpoint.Open(Goldens.PathOf("xcodec_mini_infer", "decoders", "decoder_131000.pth"), null);
        AssertCovers(goldenVocoder, vocoder);
    }

    private static void AssertCovers(Checkpoint golden, Checkpoint demo) => Assert.All(
        golden.Tensors,
        tensor => Assert.Equal(tensor.Value.Shape.Count, demo.Tensors[tensor.Key].Shape.Count));

    private static Checkpoint OpenCodec(string folder) => TorchCheckpoint.Open(Path.Combine(folder, "final_ckpt", "ckpt_00360000.pth"), "codec_model");

    private static string[] FilesOf(string folder) =>
        [.. Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(folder, path)).Order(StringComparer.Ordinal)];
}
