using Xunit;
using Yue.Engine.Families.Yue2.Flow;
using Yue.Engine.Families.Yue2.Stages;
using Yue.Engine.Families.Yue2.Tokens;
using Yue.Engine.Families.Yue2.Vae;
using Yue.Engine.Llama;
using Yue.Engine.Tests.Yue2;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Gpu;

/// <summary>Compares YuE 2 on a GPU with its goldens, and its decoder with the plain model on the CPU.</summary>
[Trait("Category", "Gpu")]
[Trait("Category", Yue2Goldens.Category)]
public sealed class Yue2GpuTests(Yue2Models models, ITestOutputHelper output) : IClassFixture<Yue2Models>
{
    private const int Positions = 1024;

    private static string Logits => Yue2Goldens.PathOf("ar", "expected.safetensors");

    /// <summary>Weights, cache, and the allowed error: absolute in F32, otherwise relative to the RMS of the logits.</summary>
    public static TheoryData<string, string, double> Types { get; } = new()
    {
        { "f32", "f32", 1e-4 }, { "bf16", "bf16", 0.02 }, { "int8", "bf16", 0.04 }, { "bf16", "fp8", 0.06 },
    };

    /// <summary>Tests each sequence twice: with its prompt prefilled and its forced ids decoded, and with all its ids decoded.</summary>
    [Theory]
    [MemberData(nameof(Types))]
    public void Logits_of_every_step_equal_the_reference(string weights, string cache, double tolerance)
    {
        using var gpu = TestGpu.Open(weights, cache);
        using var model = Language(gpu);
        using var decoder = new CudaDecoderModel(model, gpu, 1, Positions, Positions, TokenIds.Count, new PromptBatch(1, Positions));
        var probes = GoldenModels.Expected<int>(Logits, "probe_ids");
        foreach (var name in (string[])["plan", "score", "off"])
        {
            int[] ids = [.. GoldenModels.Expected<int>(Logits, $"{name}.prefix"), .. GoldenModels.Expected<int>(Logits, $"{name}.forced")];
            var first = GoldenModels.Expected<int>(Logits, $"{name}.prefix").Length - 1;
            var expected = GoldenModels.Expected<float>(Logits, $"{name}.logits");
            foreach (var prefilled in (int[])[first, 0])
            {
                float[] actual = [.. Decode(decoder, ids, prefilled, first).SelectMany(step => probes.Select(id => step[id]))];
                Compare(expected, actual, weights == "f32", tolerance, $"{name}, {weights}, {cache} cache, {prefilled} prefilled");
            }
        }
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void A_stage_in_f32_has_the_ids_of_the_plain_model_on_the_CPU(bool isMusic, bool isGuided)
    {
        using var gpu = TestGpu.Open("f32");
        using var model = Language(gpu);
        using var decoder = new CudaStageDecoder(model, gpu, songs: 2);
        var order = Order(isMusic, seed: 5, isGuided);
        using var plain = new TorchStageDecoder(models.Language);
        Assert.Equal(Write(plain, plain.TryOpen(order)!), Write(decoder, decoder.TryOpen(order)!));
    }

    [Fact]
    public void A_stage_has_the_same_ids_alone_and_with_stages_of_other_songs()
    {
        using var gpu = TestGpu.Open("bf16");
        using var model = Language(gpu);
        using var decoder = new CudaStageDecoder(model, gpu, songs: 3);
        var order = Order(isMusic: true, seed: 5, isGuided: true);
        var alone = Write(decoder, decoder.TryOpen(order)!);

        using var score = decoder.TryOpen(Order(isMusic: false, seed: 9, isGuided: false))!;
        using var music = decoder.TryOpen(Order(isMusic: true, seed: 10, isGuided: false))!;
        Assert.Equal(alone, Write(decoder, decoder.TryOpen(order)!, score, music));
        Assert.NotEmpty(score.Tokens);
        Assert.Throws<InvalidOperationException>(() => OpenTwo(decoder));
    }

    [Theory]
    [InlineData("f32", false, false, 2e-4, 2e-4)]
    [InlineData("f32", false, true, 2e-4, 2e-4)]
    [InlineData("bf16", false, false, 0.02, 0.01)]
    [InlineData("bf16", true, false, 0.02, 0.01)]
    [InlineData("bf16", true, true, 0.02, 0.01)]
    public void Velocities_and_latents_equal_the_reference(
        string weights, bool isFused, bool hasSharedCache, double velocityTolerance, double latentTolerance)
    {
        using var gpu = TestGpu.Open(weights);
        using var model = Language(gpu);
        using var kernels = isFused ? new Cuda.Decode.BlockKernels(gpu.Device, gpu.Kernels) : null;
        using var shared = hasSharedCache ? model.NewCache(1, Positions) : null;
        using var flow = Flow(gpu, model, kernels, shared);
        var what = $"{weights}, fused: {isFused}, shared cache: {hasSharedCache}";
        var file = Yue2Goldens.PathOf("nar", "expected.safetensors");
        var tokens = GoldenModels.Expected<int>(file, "one.ar_tokens");
        var rawTimes = GoldenModels.Expected<float>(file, "one.raw_t");
        var noise = GoldenModels.Expected<float>(file, "one.noise");
        var frames = noise.Length / flow.LatentSize;
        using var chunk = flow.TryOpen(tokens, frames, null)!;
        while (chunk.Unread > 0)
        {
            chunk.Read();
        }

        for (var i = 0; i < rawTimes.Length; i++)
        {
            using var state = tensor(GoldenModels.Expected<float>(file, $"one.state{i}"), [frames, flow.LatentSize], device: flow.Device);
            using var velocity = chunk.Velocity(state, rawTimes[i]).cpu();
            CompareRms(
                GoldenModels.Expected<float>(file, $"one.velocity{i}"), velocity.data<float>().ToArray(), velocityTolerance,
                $"velocity {i}, {what}");
        }

        using var start = tensor(noise, [frames, flow.LatentSize], device: flow.Device);
        using var solver = new FlowSolver(start, 4);
        while (!solver.IsDone)
        {
            using var velocity = chunk.Velocity(solver.State, solver.NextRawTime);
            solver.Advance(velocity);
        }

        using var latents = solver.Latents().cpu();
        CompareRms(
            GoldenModels.Expected<float>(file, "one.latents_4"), latents.data<float>().ToArray(), latentTolerance,
            $"latents, {what}");
    }

    /// <summary>Tests that the velocities are the same with the decoder's keys and values as with those of a prompt that is read
    /// again.</summary>
    [Fact]
    public void Flow_matching_continues_the_sequence_that_wrote_the_music()
    {
        using var gpu = TestGpu.Open("f32");
        using var model = Language(gpu);
        using var flow = Flow(gpu, model);
        using var decoder = new CudaStageDecoder(model, gpu, songs: 1);
        var order = Order(isMusic: true, seed: 5, isGuided: false);
        using var written = decoder.TryOpen(order)!;
        Finish(decoder, written);
        int[] tokens = [.. order.Prompt, .. written.Tokens, TokenIds.MusicEnd];
        using var anew = flow.TryOpen(tokens, written.Tokens.Count, null)!;
        using var continued = flow.TryOpen(tokens, written.Tokens.Count, written)!;
        Assert.InRange(continued.Unread, 1, 2);
        using var state = randn([written.Tokens.Count, flow.LatentSize], device: flow.Device);
        float[] Velocity(IFlowChunk chunk)
        {
            while (chunk.Unread > 0)
            {
                chunk.Read();
            }

            using var velocity = chunk.Velocity(state, 0.3).cpu();
            return velocity.data<float>().ToArray();
        }

        TensorAssert.CloseToPeak(Velocity(anew), Velocity(continued), 1e-4, "velocity");
    }

    [Theory]
    [InlineData("one", false)]
    [InlineData("one", true)]
    [InlineData("whole", false)]
    [InlineData("whole", true)]
    public void Waves_equal_the_reference(string name, bool isFused)
    {
        using var gpu = TestGpu.Open("bf16");
        var folder = Yue2Goldens.PathOf("YuE2-Vae");
        using var checkpoint = SafetensorsCheckpoint.Open(folder);
        using var snake = isFused ? new Cuda.Decode.SnakeKernel(gpu.Device, gpu.Kernels) : null;
        using var vae = new VaeDecoder(VaeConfig.Load(folder), new CheckpointTensors(checkpoint, ScalarType.Float32, CUDA), snake);
        var file = Yue2Goldens.PathOf("vae", "expected.safetensors");
        var values = GoldenModels.Expected<float>(file, $"{name}.latents");
        using var latents = tensor(values, [values.Length / vae.Config.LatentSize, vae.Config.LatentSize], device: CUDA);
        using var sound = vae.Decode(latents).cpu();
        TensorAssert.Close(GoldenModels.Expected<float>(file, $"{name}.wav"), sound.data<float>().ToArray(), 2e-5, name);
    }

    private static IStageSequence[] OpenTwo(CudaStageDecoder decoder) =>
        [.. Enumerable.Range(0, 2).Select(seed => decoder.TryOpen(Order(isMusic: true, seed, isGuided: false))!)];

    private static StageOrder Order(bool isMusic, long seed, bool isGuided)
    {
        var name = isMusic ? "score" : "plan";
        var sampling = (isMusic ? StageSampling.Music : StageSampling.Score) with { MinTokens = 60, MaxTokens = 60 };
        return new StageOrder(
            isMusic ? StageIds.Music : StageIds.Score, sampling, GoldenModels.Expected<int>(Logits, $"{name}.prefix"), seed)
        {
            Guidance = isGuided ? new StageGuidance(GoldenModels.Expected<int>(Logits, $"{name}.negative"), 1.3) : null,
        };
    }

    private static int[] Write(IStageDecoder decoder, IStageSequence sequence, params IStageSequence[] beside)
    {
        using var owned = sequence;
        Finish(decoder, sequence, beside);
        Assert.Equal(60, sequence.Tokens.Count);
        return [.. sequence.Tokens];
    }

    private static void Finish(IStageDecoder decoder, IStageSequence sequence, params IStageSequence[] beside)
    {
        IStageSequence[] all = [sequence, .. beside];
        foreach (var each in all)
        {
            while (each.Unread > 0)
            {
                each.Read();
            }
        }

        while (!sequence.IsComplete && !sequence.IsTruncated)
        {
            decoder.Advance([.. all.Where(each => !each.IsComplete && !each.IsTruncated)]);
        }
    }

    /// <summary>Returns the logits after the id at <paramref name="first"/> and after each later one.</summary>
    private static List<float[]> Decode(CudaDecoderModel decoder, int[] ids, int prefilled, int first)
    {
        decoder.Reserve(0, ids.Length + 1);
        decoder.Prefill(0, 0, ids.AsSpan(0, prefilled));
        var logits = new List<float[]>();
        for (var i = prefilled; i < ids.Length; i++)
        {
            decoder.Decoder.SetRow(decoder.Stream, 0, ids[i], i, active: true);
            decoder.Decoder.Step(decoder.Stream, 1, 0, TokenIds.Count);
            if (i >= first)
            {
                logits.Add(Cuda.CudaCopy.ToHost<float>(decoder.Decoder.Logits, TokenIds.Count, decoder.Stream));
            }
        }

        decoder.Stream.Synchronize();
        decoder.Release(0);
        return logits;
    }

    private static LlamaModel Language(Yue.Engine.Residency.Gpu gpu)
    {
        using var checkpoint = SafetensorsCheckpoint.Open(Yue2Goldens.LanguageModelFolder);
        var config = Yue2Models.Config.Language;
        return new LlamaModel(config, LlamaWeights.Load(config, new CheckpointTensors(checkpoint, gpu.Dtype, CUDA), gpu.Quantizer));
    }

    private static FlowModel Flow(
        Yue.Engine.Residency.Gpu gpu, LlamaModel language, Cuda.Decode.BlockKernels? kernels = null, KvCache? shared = null)
    {
        using var checkpoint = SafetensorsCheckpoint.Open(Yue2Goldens.LanguageModelFolder);
        return new FlowModel(
            Yue2Models.Config, new CheckpointTensors(checkpoint, ScalarType.Float32, CUDA), language,
            new CheckpointTensors(checkpoint, gpu.Dtype, CUDA), kernels)
        {
            Cache = shared,
        };
    }

    private void Compare(float[] expected, float[] actual, bool isExact, double tolerance, string what)
    {
        if (isExact)
        {
            TensorAssert.Close(expected, actual, tolerance, what);
        }
        else
        {
            CompareRms(expected, actual, tolerance, what);
        }
    }

    private void CompareRms(float[] expected, float[] actual, double tolerance, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(actual, value => Assert.True(float.IsFinite(value), what));
        var error = Math.Sqrt(expected.Zip(actual, (a, b) => Math.Pow(a - b, 2)).Sum() / expected.Sum(value => (double)value * value));
        output.WriteLine($"{what}: {error:E2}");
        Assert.True(error <= tolerance, $"{what}: the relative RMS error is {error:E3}; at most {tolerance} is allowed");
    }
}
