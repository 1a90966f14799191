using Xunit;
using Yue.Engine.Scheduling;
using Yue.Testing;

namespace Yue.Engine.Tests;

/// <summary>Tests the advice about GPU memory with the dimensions of the published YuE 1 checkpoints.</summary>
public sealed class MemoryAdviceTests : IDisposable
{
    private const long GiB = 1L << 30;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_large_card_needs_no_other_settings()
    {
        var advice = ModelFamilies.AdviseMemory(Options(), 79 * GiB);
        Assert.Equal((null, null, 8), (advice.Refusal, advice.Settings, advice.Songs));
        Assert.InRange(advice.Bytes, 40 * GiB, 79 * GiB);
    }

    [Theory]
    [InlineData(15, "YUE_WEIGHTS=bf16 YUE_KEY_VALUE_CACHE=bf16 YUE_SONGS_AT_ONCE=1")]
    [InlineData(11.25, "YUE_WEIGHTS=int8 YUE_KEY_VALUE_CACHE=bf16 YUE_SONGS_AT_ONCE=1")]
    [InlineData(8, "YUE_WEIGHTS=int8 YUE_KEY_VALUE_CACHE=bf16 YUE_CONTEXT_TOKENS=8192 YUE_SONGS_AT_ONCE=1")]
    [InlineData(7.5, "YUE_WEIGHTS=int8 YUE_KEY_VALUE_CACHE=fp8 YUE_CONTEXT_TOKENS=8192 YUE_SONGS_AT_ONCE=1")]
    [InlineData(7.25, "YUE_WEIGHTS=int6 YUE_KEY_VALUE_CACHE=bf16 YUE_CONTEXT_TOKENS=8192 YUE_SONGS_AT_ONCE=1")]
    [InlineData(7, "YUE_WEIGHTS=int6 YUE_KEY_VALUE_CACHE=fp8 YUE_SONGS_AT_ONCE=1")]
    [InlineData(6.25, "YUE_WEIGHTS=int4 YUE_KEY_VALUE_CACHE=bf16 YUE_SONGS_AT_ONCE=1")]
    [InlineData(5.25, "YUE_WEIGHTS=int4 YUE_KEY_VALUE_CACHE=fp8 YUE_CONTEXT_TOKENS=8192 YUE_SONGS_AT_ONCE=1")]
    [InlineData(5, null)]
    public void The_most_accurate_settings_that_fit_on_a_smaller_card_are_named(double gigabytes, string? settings)
    {
        var options = Options();
        options.SongsAtOnce = 4;
        var advice = ModelFamilies.AdviseMemory(options, (long)(gigabytes * GiB));
        Assert.Equal(0, advice.Bytes);
        Assert.Contains("of device memory", advice.Refusal, StringComparison.Ordinal);
        Assert.Equal(settings, advice.Settings);
    }

    /// <remarks>The context is configured, so the named settings do not repeat it.</remarks>
    [Theory]
    [InlineData("int4", 7.25, null, null)]
    [InlineData("int4", 6.5, "embeddings stay in host memory", null)]
    [InlineData("int6", 7.25, "embeddings stay in host memory, and the codec and vocoders of YuE 1 run on the CPU",
        "YUE_WEIGHTS=int4 YUE_KEY_VALUE_CACHE=fp8 YUE_SONGS_AT_ONCE=1")]
    [InlineData("bf16", 14.5, "embeddings stay in host memory", "YUE_WEIGHTS=int8 YUE_KEY_VALUE_CACHE=bf16 YUE_SONGS_AT_ONCE=1")]
    [InlineData("int4", 5.25, "embeddings stay in host memory, and the codec and vocoders of YuE 1 run on the CPU", null)]
    public void Parts_kept_in_host_memory_for_a_small_card_are_named(
        string weights, double gigabytes, string? onHost, string? settings)
    {
        var options = Options();
        (options.Weights, options.KeyValueCache, options.ContextTokens) = (weights, "fp8", 8192);
        var advice = ModelFamilies.AdviseMemory(options, (long)(gigabytes * GiB));
        Assert.Equal((null, onHost, settings), (advice.Refusal, advice.OnHost, advice.Settings));
    }

    /// <remarks>Quantized files keep their type, unless the setting is f32.</remarks>
    [Theory]
    [InlineData("bf16", "bf16", 4, 4, "YUE_KEY_VALUE_CACHE=fp8 YUE_CONTEXT_TOKENS=8192 YUE_SONGS_AT_ONCE=1")]
    [InlineData("f32", "f32", 4, 4, "YUE_WEIGHTS=bf16 YUE_KEY_VALUE_CACHE=fp8 YUE_CONTEXT_TOKENS=8192 YUE_SONGS_AT_ONCE=1")]
    [InlineData("bf16", "bf16", 4, null, "YUE_WEIGHTS=int8 YUE_KEY_VALUE_CACHE=fp8 YUE_CONTEXT_TOKENS=8192 YUE_SONGS_AT_ONCE=1")]
    public void The_weights_setting_is_named_only_if_it_applies_to_a_checkpoint(
        string weights, string cache, int? stage1Bits, int? stage2Bits, string settings)
    {
        var options = Options(stage1Bits, stage2Bits);
        (options.Weights, options.KeyValueCache, options.SongsAtOnce) = (weights, cache, 4);
        var advice = ModelFamilies.AdviseMemory(options, (long)(5.25 * GiB));
        Assert.Equal(settings, advice.Settings);
        Assert.Equal(weights == "f32", advice.Refusal!.Contains("Weights=bf16", StringComparison.Ordinal));
        Assert.DoesNotContain("Weights=int", advice.Refusal, StringComparison.Ordinal);      // the largest model is quantized
        Assert.Contains("KeyValueCache=", advice.Refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void The_settings_limit_the_memory_and_the_number_of_songs()
    {
        var options = Options();
        (options.DeviceMemoryMegabytes, options.SongsAtOnce) = (40 * 1024, 1);
        var advice = ModelFamilies.AdviseMemory(options, 79 * GiB);
        Assert.Equal(1, advice.Songs);
        Assert.InRange(advice.Bytes, 1, 40 * GiB);
    }

    private EngineOptions Options(int? stage1Bits = null, int? stage2Bits = null)
    {
        var stage1 = Config("stage1", 4096, 11_008, 32, 4, 16_384, 83_968, stage1Bits);
        var options = new EngineOptions
        {
            Stage2 = Config("stage2", 2048, 5504, 16, 16, 8_192, 83_840, stage2Bits),
            Codec = _folder["codec"],
        };
        options.Stage1.Add("en-cot", stage1);
        return options;
    }

    private string Config(
        string name, int hidden, int intermediate, int heads, int keyValueHeads, int positions, int vocabulary, int? bits)
    {
        var quantization = bits is null ? "null" : $$"""
            {"quant_method":"yue-groups","format_version":1,"bits":{{bits}},"group_size":32,"head_terms":2}
            """;
        var file = _folder.Write(name + "/config.json", $$"""
            {"model_type":"llama","architectures":["LlamaForCausalLM"],"hidden_act":"silu","hidden_size":{{hidden}},
            "intermediate_size":{{intermediate}},"num_hidden_layers":32,"num_attention_heads":{{heads}},
            "num_key_value_heads":{{keyValueHeads}},"head_dim":128,"max_position_embeddings":{{positions}},
            "vocab_size":{{vocabulary}},"rope_theta":500000,"rms_norm_eps":1e-5,"tie_word_embeddings":false,"torch_dtype":"bfloat16",
            "quantization_config":{{quantization}}}
            """);
        return Path.GetDirectoryName(file)!;
    }
}
