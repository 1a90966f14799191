using System.Globalization;
using Xunit;
using Yue.Cuda;
using Yue.Engine.Families.Yue1.Codec;
using Yue.Engine.Families.Yue1.Vocoder;
using Yue.Engine.Llama;
using Yue.Engine.Tests.Audio;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Gpu;

/// <summary>Compares results on a GPU with the goldens and with float32 models. Each pair of weight and cache types has its own
/// tolerance.</summary>
[Trait("Category", "Gpu")]
public sealed class GpuGoldenTests(ITestOutputHelper output) : IClassFixture<GpuGoldenTests.Compiled>
{
    /// <summary>Selects the absolute tolerance of the goldens, 1e-4, which applies to F32. Other tolerances are relative to the values'
    /// spread.</summary>
    private const double Exact = 0;

    /// <summary>Weights, cache, and the allowed error.</summary>
    public static TheoryData<string, string, double> Types { get; } = new()
    {
        { "bf16", "bf16", 0.03 }, { "int8", "bf16", 0.03 }, { "fp8", "bf16", 0.06 },
        { "bf16", "fp8", 0.06 }, { "int8", "fp8", 0.06 }, { "int6", "bf16", 0.06 },
        { "int4", "bf16", 0.25 }, { "f32", "f32", Exact },
    };

    private static LlamaConfig FullSizeLayer => TestLlama.FullSizeStage1 with { Layers = 1, VocabularySize = 2_048, MaxPositions = 1024 };

    /// <summary>Tests a prompt with all ids but the last prefilled, the same prompt decoded id by id, and its first half with
    /// three ids prefilled.</summary>
    [Theory]
    [MemberData(nameof(Types))]
    public void Logits_equal_the_reference(string weights, string cache, double tolerance)
    {
        Assert.SkipUnless(Goldens.Exist, "the goldens are not installed");
        using var gpu = TestGpu.Open(weights, cache);
        var file = Goldens.PathOf("stage1", "expected.safetensors");
        var prompt = GoldenModels.Expected<int>(file, "prompt_ids");
        using var model = LoadPadded("stage1", gpu);
        using var decoder = new CudaDecoderModel(model, gpu, rows: 1, 2048, 2048, model.Config.VocabularySize, new PromptBatch(1, 2048));

        var last = GoldenModels.Expected<float>(file, "logits_last");
        AssertClose(last, Decode(decoder, prompt, prefilled: prompt.Length - 1), tolerance, $"{weights}, {cache} cache, prefilled");
        AssertClose(last, Decode(decoder, prompt, prefilled: 0), tolerance, $"{weights}, {cache} cache, decoded");
        AssertClose(
            GoldenModels.Expected<float>(file, "logits_mid"), Decode(decoder, prompt[..((prompt.Length / 2) + 1)], prefilled: 3),
            tolerance, $"{weights}, {cache} cache, middle");
    }

    /// <summary>Compares the logits for ids of every codebook with the reference on the CPU. Another test compares that reference with the
    /// goldens.</summary>
    [Theory]
    [MemberData(nameof(Types))]
    public void Stage_2_logits_equal_the_reference(string weights, string cache, double tolerance)
    {
        Assert.SkipUnless(Goldens.Exist, "the goldens are not installed");
        using var gpu = TestGpu.Open(weights, cache);
        int[] ids = [.. Enumerable.Range(0, 150).Select(i => 45_334 + (i * 7919 % 8192))];
        using var reference = GoldenModels.Load("stage2");
        using var filled = reference.NewCache(rows: 1, ids.Length);
        using var hidden = reference.Prefill(ids, filled, row: 0);
        using var expected = reference.Logits(hidden, 0, reference.Config.VocabularySize);
        using var model = LoadPadded("stage2", gpu);
        using var decoder = new CudaDecoderModel(model, gpu, rows: 1, 2048, 2048, model.Config.VocabularySize, new PromptBatch(1, 2048));

        AssertClose(expected.data<float>().ToArray(), Decode(decoder, ids, prefilled: 70), tolerance, $"{weights}, {cache} cache");
    }

    [Fact]
    public void A_full_size_layer_is_close_to_float32() => AssertCloseToFloat32(
        FullSizeLayer, count: 300, prefilled: 250,
        [
            ("bf16", "bf16", 0.01), ("int8", "bf16", 0.03), ("fp8", "bf16", 0.08), ("bf16", "fp8", 0.06), ("int8", "fp8", 0.06),
            ("int6", "bf16", 0.08), ("int4", "bf16", 0.30), ("f32", "f32", 2e-5),
        ]);

    /// <summary>The prompt is prefilled in six chunks. The last chunks compute their attention scores in parts.</summary>
    [Fact]
    public void A_full_size_layer_is_close_to_float32_after_a_long_prompt()
    {
        var config = FullSizeLayer with { MaxPositions = 4096 };
        Assert.InRange(LlamaMemory.PositionsAtOnce(config.Heads, 3_000, LlamaModel.PrefillChunk), 1, 128);
        AssertCloseToFloat32(config, count: 3_010, prefilled: 3_000, [("bf16", "bf16", 0.01), ("bf16", "fp8", 0.06), ("f32", "f32", 2e-5)]);
    }

    [Fact]
    public void The_decoded_waves_equal_the_reference()
    {
        Assert.SkipUnless(Goldens.Exist, "the goldens are not installed");
        using var gpu = TestGpu.Open("bf16");
        var folder = Goldens.PathOf("xcodec_mini_infer");
        using var checkpoint = TorchCheckpoint.Open(Path.Combine(folder, "final_ckpt", "ckpt_00360000.pth"), "codec_model");
        using var codec = new CodecDecoder(new CheckpointTensors(checkpoint, ScalarType.Float32, CUDA), CodecConfig.Load(folder));
        using var expected = new ExpectedValues("xcodec_mini_infer", "expected_codec.safetensors");
        using var codes = expected.Tensor("decode.codes", ScalarType.Int32);
        using var embedding = codec.Embed(codes);
        using var wave = codec.Decode(embedding);
        using var waveOnHost = wave.cpu();
        TensorAssert.CloseToPeak(expected.Floats("decode.wav"), waveOnHost.data<float>().ToArray(), 1e-3, "16 kHz wave");

        using var vocoders = new ExpectedValues("xcodec_mini_infer", "expected_vocoder.safetensors");
        foreach (var (name, key) in new[] { ("decoder_131000.pth", "vocal.wav"), ("decoder_151000.pth", "instrumental.wav") })
        {
            using var stored = TorchCheckpoint.Open(Path.Combine(folder, "decoders", name), rootKey: null);
            using var vocoder = new Vocos(new CheckpointTensors(stored, ScalarType.Float32, CUDA), VocosConfig.Load(folder));
            using var sound = vocoder.Decode(embedding);
            using var soundOnHost = sound.cpu();
            TensorAssert.CloseToPeak(vocoders.Floats(key), soundOnHost.data<float>().ToArray(), 1e-3, name);
        }
    }

    [Theory]
    [InlineData("frames_100", "bw0_5", 0.5)]
    [InlineData("odd_length", "bw6", 6)]
    [InlineData("ragged", "bw6", 6)]
    public void The_codes_of_a_clip_equal_the_reference(string clip, string row, double bandwidthKbps)
    {
        Assert.SkipUnless(Goldens.Exist, "the goldens are not installed");
        using var gpu = TestGpu.Open("bf16");
        var folder = Goldens.PathOf("xcodec_mini_infer");
        using var checkpoint = TorchCheckpoint.Open(Path.Combine(folder, "final_ckpt", "ckpt_00360000.pth"), "codec_model");
        using var encoder = new CodecEncoder(
            new CheckpointTensors(checkpoint, ScalarType.Float32, CUDA), CodecConfig.Load(folder), HubertConfig.Load(folder));
        using var expected = new ExpectedValues("xcodec_mini_infer", "expected_codec.safetensors");
        using var wave = tensor(expected.Floats($"{clip}.wav"));
        using var codes = encoder.Encode(wave, bandwidthKbps);
        using var codesOnHost = codes.cpu();
        using var reference = expected.Tensor($"{clip}.codes_{row}", ScalarType.Int64);

        Assert.Equal(reference.shape, codesOnHost.shape);
        using var equal = codesOnHost.eq(reference).to(ScalarType.Float64).mean();
        Assert.InRange(equal.item<double>(), 0.995, 1);
    }

    /// <summary>Compares the logits after the last id with those of a float32 model, for each pair of weight and cache types with its
    /// tolerance.</summary>
    private void AssertCloseToFloat32(
        LlamaConfig config, int count, int prefilled, (string Weights, string Cache, double Tolerance)[] types)
    {
        int[] ids = [.. Enumerable.Range(0, count).Select(i => i * 7919 % 2048)];
        TestGpu.Open("bf16").Dispose();
        using var narrow = new CachedWeights(new RandomWeights(5, 0.02, ScalarType.BFloat16, CUDA));
        using var wide = narrow.As(ScalarType.Float32);
        using var exact = new LlamaModel(config, LlamaWeights.Load(config, wide));
        using var cache = exact.NewCache(rows: 1, ids.Length);
        using var hidden = exact.Prefill(ids, cache, row: 0);
        using var expected = exact.Logits(hidden, 0, config.VocabularySize).cpu();
        foreach (var (weights, cached, tolerance) in types)
        {
            using var gpu = TestGpu.Open(weights, cached);
            using var model = new LlamaModel(
                config, LlamaWeights.Load(config, gpu.Dtype == ScalarType.Float32 ? wide : narrow, gpu.Quantizer));
            using var decoder = new CudaDecoderModel(
                model, gpu, rows: 1, config.MaxPositions, config.MaxPositions, config.VocabularySize,
                new PromptBatch(1, config.MaxPositions));
            AssertClose(
                expected.data<float>().ToArray(), Decode(decoder, ids, prefilled),
                tolerance, $"{weights}, {cached} cache, full-size layer, {count} ids");
        }
    }

    /// <summary>Returns the logits after the last id. Ids that are not prefilled are decoded one by one.</summary>
    private static float[] Decode(CudaDecoderModel model, int[] ids, int prefilled)
    {
        var decoder = model.Decoder;
        var vocabulary = decoder.HeadRows;
        model.Reserve(0, ids.Length);
        model.Prefill(0, 0, ids.AsSpan(..prefilled));
        decoder.Poison(model.Stream, 0xFF);
        for (var i = prefilled; i < ids.Length; i++)
        {
            decoder.SetRow(model.Stream, 0, ids[i], i, active: true);
            decoder.Step(model.Stream, 1, 0, vocabulary);
        }

        var logits = CudaCopy.ToHost<float>(decoder.Logits, vocabulary, model.Stream);
        decoder.StopRow(model.Stream, 0);
        model.Stream.Synchronize();
        model.Release(0);
        return logits;
    }

    /// <summary>Fails if an error exceeds a fraction of the spread, which is the difference between the largest and the smallest value. For
    /// <see cref="Exact"/>, the limit is 1e-4.</summary>
    private void AssertClose(float[] expected, float[] actual, double fraction, string what)
    {
        double spread = expected.Max() - expected.Min();
        var errors = expected.Zip(actual, (a, b) => Math.Abs(a - (double)b)).ToArray();
        var (mean, deviation) = (expected.Average(), Math.Sqrt(expected.Average(value => Math.Pow(value - expected.Average(), 2))));
        var rms = Math.Sqrt(errors.Average(error => error * error));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{what}: largest error {errors.Max() / spread:P3} of the spread, "
                + $"RMS error {rms / deviation:P3} of the deviation (mean {mean:F3}, spread {spread:F2})"));
        TensorAssert.Close(expected, actual, fraction == Exact ? 1e-4 : fraction * spread, what);
    }

    private static LlamaConfig Padded(string name) => PaddedSource.Pad(LlamaConfig.Load(Goldens.PathOf(name))) with { MaxPositions = 2048 };

    private static LlamaModel LoadPadded(string name, Yue.Engine.Residency.Gpu gpu)
    {
        var folder = Goldens.PathOf(name);
        var config = Padded(name);
        using var checkpoint = SafetensorsCheckpoint.Open(folder);
        var source = new PaddedSource(new CheckpointTensors(checkpoint, ScalarType.Float32), gpu.Dtype, CUDA);
        return new LlamaModel(config, LlamaWeights.Load(config, source, gpu.Quantizer));
    }

    /// <summary>Compiles the step kernels that the tests of this class use.</summary>
    public sealed class Compiled
    {
        public Compiled()
        {
            LlamaConfig[] goldens = Goldens.Exist ? [Padded("stage1"), Padded("stage2")] : [];
            TestGpu.Compile(
                from config in (LlamaConfig[])[.. goldens, FullSizeLayer]
                from weights in Enum.GetValues<Yue.Cuda.Decode.WeightType>()
                from cache in Enum.GetValues<Yue.Cuda.Decode.CacheType>()
                where (weights == Yue.Cuda.Decode.WeightType.Float32) == (cache == Yue.Cuda.Decode.CacheType.Float32)
                select Yue.Cuda.Decode.CudaLlama.BuildFor(CudaDecoderModel.ShapeOf(config, config.MaxPositions), weights, cache, rows: 1));
        }
    }

    /// <summary>Weights that are generated once and read several times.</summary>
    private sealed class CachedWeights(ITensorSource source) : ITensorSource, IDisposable
    {
        private readonly Dictionary<string, Tensor> _tensors = [];

        public ScalarType Dtype { get; private init; } = source.Dtype;

        public Device Device => source.Device;

        /// <summary>Returns the same values in another dtype.</summary>
        public CachedWeights As(ScalarType dtype) => new(this) { Dtype = dtype };

        public bool Contains(string name) => source.Contains(name);

        public long[] ShapeOf(string name) => source.ShapeOf(name);

        public Tensor Read(string name, params ReadOnlySpan<long> expected)
        {
            if (!_tensors.TryGetValue(name, out var values))
            {
                _tensors[name] = values = source.Read(name, expected).DetachFromDisposeScope();
            }

            return values.to(Dtype, copy: true);
        }

        public void ReadInto(string name, Tensor destination)
        {
            using var values = Read(name, destination.shape);
            destination.copy_(values);
        }

        public void Dispose()
        {
            foreach (var tensor in _tensors.Values)
            {
                tensor.Dispose();
            }
        }
    }
}
