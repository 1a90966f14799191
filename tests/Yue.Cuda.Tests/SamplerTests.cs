using Xunit;
using Yue.Cuda.Decode;

namespace Yue.Cuda.Tests;

[Collection(Gpu.Name)]
[Trait("Category", Gpu.Name)]
public sealed class SamplerTests(Gpu gpu)
{
    internal const int Vocabulary = 5003;
    private const int EndId = 77;

    private static LlamaShape Shape { get; } =
        new() { Layers = 1, Hidden = 128, Intermediate = 128, Heads = 1, KeyValueHeads = 1, Vocabulary = Vocabulary, Context = 16384 };

    private static SongSettings Plain { get; } = new()
    {
        Row = 0,
        UnconditionalRow = 1,
        Seed = 0x123456789abcdef0,
        Section = 3,
        RepetitionPenalty = 1.1f,
        TopK = 50,
        TopP = 0.93f,
        Allowed = [new IdRange(EndId, EndId + 1), new IdRange(1000, 3024)],
        EndId = -1,
        MinTokens = 20,
        MaxTokens = 100000,
    };

    public static TheoryData<string> Chains =>
        ["plain", "no guidance", "top-k off", "top-p off", "both off", "hot", "greedy", "large k", "wide", "end"];

    [Theory]
    [MemberData(nameof(Chains))]
    public void The_ids_equal_the_reference(string chain)
    {
        gpu.Require();
        using var bench = new DecodeBench(gpu, Shape, WeightType.BFloat16, 2, 1);
        using var sampler = new SongSampler(gpu.Require(), gpu.Kernels, bench.Llama, 1);
        var settings = Settings(chain);
        var random = new Random(5);
        var seen = new HashSet<int> { 1001, 1500, 2000 };
        var wrong = 0;
        sampler.SetSong(bench.Stream, 0, settings, [.. seen]);
        bench.Llama.SetRow(bench.Stream, 0, 1, 10, active: true);
        bench.Llama.SetRow(bench.Stream, 1, 1, 3, active: true);
        const int Steps = 300;
        for (var step = 0; step < Steps; step++)
        {
            var logits = Logits(random, 2, step % 3 == 0 ? 2 : 6);
            CudaCopy.ToDevice<float>(bench.Llama.Logits, logits, bench.Stream);
            sampler.Sample(bench.Stream, 2);
            bench.Stream.Synchronize();
            var unconditional = settings.UnconditionalRow is null ? null : logits[Vocabulary..];
            var distribution = ReferenceSampler.Distribution(logits[..Vocabulary], unconditional, settings, seen, step);
            var id = sampler.IdAt(0, step);
            Assert.Contains(settings.Allowed, range => id >= range.Low && id < range.High);
            wrong += id == ReferenceSampler.Draw(distribution, settings.Seed, settings.Section, step) ? 0 : 1;
            seen.Add(id);
            var stopped = id == settings.EndId;
            Assert.Equal(new SongProgress(step + 1, stopped), sampler.Progress(0));
            Assert.Equal(id, CudaCopy.ToHost<int>(bench.Llama.Tokens, 1, bench.Stream)[0]);
            Assert.Equal(
                [11 + step, settings.UnconditionalRow is null ? 3 : 4 + step],
                CudaCopy.ToHost<int>(bench.Llama.Positions, 2, bench.Stream));
            Assert.Equal(stopped ? 0 : 1, CudaCopy.ToHost<int>(bench.Llama.Active, 1, bench.Stream)[0]);
            if (stopped)
            {
                Assert.True(step >= settings.MinTokens, "the end id was drawn before the minimum length");
                break;
            }
        }

        // If a random number is within rounding error of the boundary between two ids, either may be drawn.
        Assert.True(wrong <= 2, $"{chain}: {wrong} of {Steps} ids differ");
    }

    [Fact]
    public void A_hundred_thousand_draws_follow_the_reference_distribution()
    {
        gpu.Require();
        const int Songs = 32;
        const int Draws = 3200;
        using var bench = new DecodeBench(gpu, Shape, WeightType.BFloat16, 2, 1);
        using var sampler = new SongSampler(gpu.Require(), gpu.Kernels, bench.Llama, Songs);
        var settings = Plain with { RepetitionPenalty = 1, MinTokens = 0, TopK = 200 };
        var logits = Logits(new Random(9), 2, 2);
        CudaCopy.ToDevice<float>(bench.Llama.Logits, logits, bench.Stream);
        var counts = new int[Vocabulary];
        for (var song = 0; song < Songs; song++)
        {
            sampler.SetSong(bench.Stream, song, settings with { Seed = (ulong)song * 7919 }, []);
        }

        for (var from = 0; from < Draws; from += 200)
        {
            // All songs advance the same two rows, so the positions of these rows are reset before they reach the limit.
            bench.Llama.SetRow(bench.Stream, 0, 1, 1, active: true);
            bench.Llama.SetRow(bench.Stream, 1, 1, 1, active: true);
            for (var i = 0; i < 200; i++)
            {
                sampler.Sample(bench.Stream, 2);
            }

            bench.Stream.Synchronize();
            for (var song = 0; song < Songs; song++)
            {
                for (var i = from; i < from + 200; i++)
                {
                    counts[sampler.IdAt(song, i)]++;
                }
            }
        }

        var (statistic, cells, rest, restExpected) = (0.0, 0, Songs * Draws, (double)Songs * Draws);
        foreach (var (id, probability) in ReferenceSampler.Distribution(logits[..Vocabulary], logits[Vocabulary..], settings, [], 0))
        {
            var expected = probability * Songs * Draws;
            if (expected >= 10)
            {
                statistic += Math.Pow(counts[id] - expected, 2) / expected;
                cells++;
                rest -= counts[id];
                restExpected -= expected;
            }
        }

        statistic += restExpected >= 1 ? Math.Pow(rest - restExpected, 2) / restExpected : 0;
        Assert.True(restExpected >= 1 || rest <= 5, $"{rest} ids outside the distribution");
        Assert.True(cells > 20 && statistic < cells + (4 * Math.Sqrt(2.0 * cells)), $"chi-square {statistic:F1} over {cells} cells");
    }

    [Fact]
    public void A_captured_frame_chooses_the_same_ids_as_plain_steps()
    {
        gpu.Require();
        const int FirstId = 45;
        const int Frames = 9;
        var shape =
            Shape with { Layers = 2, Hidden = 256, Heads = 2, KeyValueHeads = 2, Vocabulary = FirstId + (8 * 1024) + 13, Context = 512 };
        int[] given = [.. Enumerable.Range(0, Frames).Select(i => FirstId + (i * 37))];
        using var bench = new DecodeBench(gpu, shape, WeightType.BFloat16, 3, 20);
        using var decoder = new FrameDecoder(gpu.Require(), gpu.Kernels, bench.Llama, FirstId, Frames);
        var expected = new List<int>();
        bench.StartRow(0, 70, 1, spare: 80);
        var position = 70;
        foreach (var id in given)
        {
            expected.Add(id);
            for (var slot = 1; slot <= 8; slot++)
            {
                bench.Llama.SetRow(bench.Stream, 0, expected[^1], position++, active: true);
                var logits = bench.Step(1, FirstId + (slot % 8 * 1024), 1024);
                if (slot < 8)
                {
                    expected.Add(FirstId + (slot * 1024) + Array.IndexOf(logits, logits.Max()));
                }
            }
        }

        for (var row = 0; row < 3; row++)
        {
            bench.StartRow(row, 70, row == 2 ? 1 : 40 + row, spare: 80);
            decoder.SetRow(bench.Stream, row, 70, given.AsSpan(0, row == 1 ? 4 : Frames));
        }

        bench.Llama.Prepare(3);
        using var graph = CudaGraph.Capture(bench.Stream, () => decoder.Frame(bench.Stream, 3));
        for (var frame = 0; frame < Frames; frame++)
        {
            graph.Launch(bench.Stream);
        }

        Assert.Equal(expected, decoder.Ids(bench.Stream, 2, Frames));
        Assert.Equal([0, 0, 0], CudaCopy.ToHost<int>(bench.Llama.Active, 3, bench.Stream));
    }

    internal static SongSettings Settings(string chain) => chain switch
    {
        "no guidance" => Plain with { UnconditionalRow = null },
        "top-k off" => Plain with { TopK = 0 },
        "top-p off" => Plain with { TopP = 1 },
        "both off" => Plain with { TopK = 0, TopP = 1 },
        "hot" => Plain with { Temperature = 1.7f },
        "greedy" => Plain with { Temperature = 0 },
        "large k" => Plain with { TopK = 1024, TopP = 0.99f },
        "wide" =>
            Plain with { Allowed = [new IdRange(3, 40), new IdRange(60, 61), new IdRange(EndId, 4000), new IdRange(4100, Vocabulary)] },
        "end" => Plain with { EndId = EndId, TopK = 0, Temperature = 4 },
        _ => Plain,
    };

    internal static float[] Logits(Random random, int rows, double spread) =>
        [.. Enumerable.Range(0, rows * Vocabulary).Select(_ => (float)((random.NextDouble() - 0.5) * 2 * spread))];
}
