using Xunit;
using Yue.Engine.Families.Yue1.Codec;
using Yue.Engine.Families.Yue1.Vocoder;
using Yue.Engine.Llama;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Weights;

public sealed class ConfigTests : IDisposable
{
    internal const string Llama = """
        {"model_type": "llama", "hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 11008,
         "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 4, "rope_theta": 10000.0,
         "rms_norm_eps": 1e-05, "max_position_embeddings": 16384, "vocab_size": 83968, "tie_word_embeddings": false,
         "torch_dtype": "bfloat16", "attention_bias": false, "mlp_bias": false, "rope_scaling": null}
        """;

    internal const string Codec = """
        generator:
          name: SoundStream
          config:
            n_filters: 32
            D: 256
            target_bandwidths:
            - 0.5
            - 1
            - 6
            ratios: [8, 5, 4, 2]
            sample_rate: 16000
            bins: 1024
        optimizer: !!python/object:omegaconf.X {lr: 0.0002, betas: [0.8, [0.99, {a: b}]]}
        """;

    private const string Hubert = """
        {"model_type": "hubert", "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
         "intermediate_size": 3072, "conv_dim": [512, 512], "conv_kernel": [10, 3], "conv_stride": [5, 2],
         "conv_bias": false, "feat_extract_norm": "group", "feat_extract_activation": "gelu",
         "do_stable_layer_norm": false, "hidden_act": "gelu", "layer_norm_eps": 1e-05,
         "num_conv_pos_embeddings": 128, "num_conv_pos_embedding_groups": 16}
        """;

    private const string Vocos = """
        backbone:
          class_path: vocos.models.VocosBackbone
          init_args: {input_channels: 1024, dim: 512, intermediate_dim: 1536, num_layers: 8}
        head:
          class_path: vocos.heads.ISTFTHead
          init_args: {dim: 512, n_fft: 3528, hop_length: 882, padding: same}
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_llama_config_is_read_and_the_head_size_has_a_default()
    {
        var config = LoadLlama(Llama);
        Assert.Equal(new LlamaConfig
        {
            HiddenSize = 4096,
            IntermediateSize = 11008,
            Layers = 32,
            Heads = 32,
            KeyValueHeads = 4,
            HeadSize = 128,
            VocabularySize = 83968,
            MaxPositions = 16384,
            RopeTheta = 10000,
            RmsNormEpsilon = 1e-5,
            TieWordEmbeddings = false,
            StoredDtype = ScalarType.BFloat16,
        }, config);
        Assert.Equal(64, LoadLlama(Llama.Replace("\"model_type\"", "\"head_dim\": 64, \"model_type\"", StringComparison.Ordinal)).HeadSize);
    }

    [Theory]
    [InlineData("\"llama\"", "\"mistral\"", "model_type is \"mistral\"; supported: llama")]
    [InlineData("\"silu\"", "\"gelu\"", "hidden_act is \"gelu\"; supported: silu")]
    [InlineData("\"rope_scaling\": null", "\"rope_scaling\": {\"factor\": 2}", "rope_scaling is {\"factor\": 2}; supported: null")]
    [InlineData("\"rope_scaling\": null", "\"quantization_config\": {\"load_in_4bit\": true}", "quantization_config is")]
    [InlineData("\"attention_bias\": false", "\"attention_bias\": true", "attention_bias is true; supported: false")]
    [InlineData("\"mlp_bias\": false", "\"mlp_bias\": true", "mlp_bias is true; supported: false")]
    [InlineData(
        "\"num_key_value_heads\": 4", "\"num_key_value_heads\": 5",
        "num_key_value_heads is 5; supported: a divisor of num_attention_heads, 32")]
    [InlineData("\"vocab_size\": 83968", "\"vocab_size\": 0", "vocab_size is 0; supported: a positive integer")]
    [InlineData("\"num_hidden_layers\": 32", "\"num_hidden_layers\": -1", "num_hidden_layers is -1; supported: a positive integer")]
    [InlineData("\"hidden_size\": 4096, ", "", "hidden_size is missing, expected a positive integer")]
    [InlineData("\"hidden_size\": 4096", "\"hidden_size\": \"4096\"", "hidden_size is \"4096\"; supported: a positive integer")]
    [InlineData("\"hidden_size\": 4096", "\"hidden_size\": 4128, \"head_dim\": 129", "head_dim is 129; supported: an even number")]
    [InlineData("\"rope_theta\": 10000.0", "\"rope_theta\": 1e999", "rope_theta is 1e999; supported: a positive number")]
    [InlineData("\"rms_norm_eps\": 1e-05", "\"rms_norm_eps\": 0", "rms_norm_eps is 0; supported: a positive number")]
    [InlineData("\"bfloat16\"", "\"float8\"", "torch_dtype is \"float8\"; supported: bfloat16, float16 or float32")]
    [InlineData("\"mlp_bias\": false", "\"mlp_bias\": 0", "mlp_bias is 0; supported: true or false")]
    [InlineData("{", "[", "is not valid JSON")]
    [InlineData("{", "{\"\\ud800\": 1, ", "is not valid JSON")]
    [InlineData("\"llama\"", "\"\\ud800\"", "model_type is \"\\ud800\"; supported: a string")]
    public void An_unsupported_llama_config_is_refused_with_a_reason(string old, string replacement, string message) =>
        AssertRefused(message, Llama, old, replacement, text => LoadLlama(text));

    [Fact]
    public void A_codec_config_is_read_and_gives_the_derived_numbers()
    {
        var config = LoadCodec(Codec);
        Assert.Equal([8, 5, 4, 2], config.Ratios);
        Assert.Equal(
            (256, 1024, 320, 50, 12),
            (config.LatentChannels, config.CodebookSize, config.HopSamples, config.FrameRateHz, config.Codebooks));
        Assert.Equal([1, 1, 8, 12], new[] { 0.1, 0.5, 4, 6 }.Select(config.CodebooksFor));
    }

    [Theory]
    [InlineData("SoundStream", "Encodec", "generator.name is Encodec; supported: SoundStream")]
    [InlineData("D: 256", "D: -1", "generator.config.D is -1; supported: a positive integer")]
    [InlineData("D: 256", "E: 256", "generator.config.D is missing")]
    [InlineData(
        "[8, 5, 4, 2]", "[8, 5, 7]", "generator.config.ratios is 8, 5, 7; supported: strides whose product divides the sample rate, 16000")]
    [InlineData("[8, 5, 4, 2]", "[65536, 65536, 65536]", "generator.config.ratios is 65536")]
    [InlineData("[8, 5, 4, 2]", "[]", "generator.config.ratios is missing, expected a list")]
    [InlineData("bins: 1024", "bins: 1000", "generator.config.bins is 1000; supported: a power of two")]
    [InlineData("- 0.5", "- 9", "generator.config.target_bandwidths is 9, 1, 6; supported: ascending")]
    [InlineData("- 0.5", "- nan", "generator.config.target_bandwidths is nan; supported: a list of positive numbers")]
    [InlineData("bins: 1024", "bins: 1024\n    bins: 1", "the key bins occurs twice")]
    [InlineData("bins: 1024", "bins: [", "is not valid YAML")]
    public void An_unsupported_codec_config_is_refused_with_a_reason(string old, string replacement, string message) =>
        AssertRefused(message, Codec, old, replacement, text => LoadCodec(text));

    [Fact]
    public void Deeply_nested_yaml_is_refused() => Assert.Contains(
        "nested more than 32 levels deep",
        Assert.Throws<CheckpointException>(() => LoadCodec("a: " + new string('[', 100_000))).Message,
        StringComparison.Ordinal);

    [Fact]
    public void A_hubert_config_is_read()
    {
        var config = LoadHubert(Hubert);
        Assert.Equal(
            (768, 12, 12, 3072, 128, 16),
            (config.HiddenSize, config.Layers, config.Heads, config.IntermediateSize, config.PositionKernel, config.PositionGroups));
        Assert.Equal([10, 3], config.ConvKernels);
    }

    [Theory]
    [InlineData("\"conv_bias\": false", "\"conv_bias\": true", "conv_bias is true; supported: false")]
    [InlineData("\"group\"", "\"layer\"", "feat_extract_norm is \"layer\"; supported: group")]
    [InlineData("\"do_stable_layer_norm\": false", "\"do_stable_layer_norm\": true", "do_stable_layer_norm is true; supported: false")]
    [InlineData("\"conv_bias\": false", "\"feat_proj_layer_norm\": false", "feat_proj_layer_norm is false; supported: true")]
    [InlineData("\"conv_stride\": [5, 2]", "\"conv_stride\": [5]", "conv_stride is [5]; supported: 2 numbers, as many as conv_dim has")]
    [InlineData("\"conv_kernel\": [10, 3]", "\"conv_kernel\": [10, 0]", "conv_kernel is [10, 0]; supported: a list of positive integers")]
    [InlineData(
        "\"num_attention_heads\": 12", "\"num_attention_heads\": 7", "num_attention_heads is 7; supported: a divisor of hidden_size, 768")]
    [InlineData(
        "\"num_conv_pos_embeddings\": 128", "\"num_conv_pos_embeddings\": 127",
        "num_conv_pos_embeddings is 127; supported: an even number")]
    public void An_unsupported_hubert_config_is_refused_with_a_reason(string old, string replacement, string message) =>
        AssertRefused(message, Hubert, old, replacement, text => LoadHubert(text));

    [Fact]
    public void A_vocos_config_is_read() => Assert.Equal(
        new VocosConfig
        {
            InputChannels = 1024,
            Channels = 512,
            IntermediateChannels = 1536,
            Layers = 8,
            FftSamples = 3528,
            HopSamples = 882,
        },
        LoadVocos(Vocos));

    [Theory]
    [InlineData("ISTFTHead", "IMDCTHead", "head.class_path is vocos.heads.IMDCTHead; supported: vocos.heads.ISTFTHead")]
    [InlineData("padding: same", "padding: center", "head.init_args.padding is center; supported: same")]
    [InlineData("{dim: 512,", "{dim: 256,", "head.init_args.dim is 256; supported: 512")]
    [InlineData("n_fft: 3528", "n_fft: 3527", "head.init_args.n_fft is 3527; supported: an even number")]
    [InlineData(
        "hop_length: 882", "hop_length: 4000", "head.init_args.hop_length is 4000; supported: an even number of at most n_fft, 3528")]
    public void An_unsupported_vocos_config_is_refused_with_a_reason(string old, string replacement, string message) =>
        AssertRefused(message, Vocos, old, replacement, text => LoadVocos(text));

    private LlamaConfig LoadLlama(string text) => LlamaConfig.Load(FolderWith("config.json", text));

    private CodecConfig LoadCodec(string text) => CodecConfig.Load(FolderWith(Path.Combine("final_ckpt", "config.yaml"), text));

    private HubertConfig LoadHubert(string text) =>
        HubertConfig.Load(FolderWith(Path.Combine("semantic_ckpts", "hf_1_325000", "config.json"), text));

    private VocosConfig LoadVocos(string text) => VocosConfig.Load(FolderWith(Path.Combine("decoders", "config.yaml"), text));

    private string FolderWith(string name, string text)
    {
        _folder.Write(name, text);
        return _folder.Path;
    }

    private static void AssertRefused(string message, string whole, string old, string replacement, Action<string> load)
    {
        Assert.Contains(old, whole, StringComparison.Ordinal);
        var error = Assert.Throws<CheckpointException>(() => load(whole.Replace(old, replacement, StringComparison.Ordinal)));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }
}
