using Xunit;
using Yue.Cuda.Decode;
using Yue.Engine.Families.Yue2.Stages;
using EngineRange = Yue.Engine.Sampling.IdRange;

namespace Yue.Cuda.Tests;

/// <summary>Compares YuE 2's sampler on the device with the engine's sampling chain on the CPU.</summary>
[Collection(Gpu.Name)]
[Trait("Category", Gpu.Name)]
public sealed class StageSamplerTests(Gpu gpu)
{
    private const long Seed = 0x123456789abcdef;
    private const int EndId = 2;

    private static StageSampling Plain { get; } = StageSampling.Music with { MinTokens = 20, MaxTokens = 1000 };

    private static LlamaShape Shape { get; } =
        new() { Layers = 1, Hidden = 128, Intermediate = 128, Heads = 1, KeyValueHeads = 1, Vocabulary = 5003, Context = 16384 };

    public static TheoryData<string> Chains =>
    [
        "plain", "score", "guided", "no plan", "narrow nucleus", "large k", "k and p off", "p alone", "greedy", "ties", "no penalty",
        "few ids", "end",
    ];

    [Theory]
    [MemberData(nameof(Chains))]
    public void The_ids_equal_those_of_the_CPU_chain(string name)
    {
        gpu.Require();
        var chain = Chain(name);
        var scored = chain.Stage.Scored;
        using var bench = new DecodeBench(gpu, Shape, WeightType.BFloat16, 2, 1);
        using var sampler = new StageSampler(gpu.Require(), gpu.Kernels, bench.Llama, 2);
        sampler.SetSong(bench.Stream, 1, Settings(chain, row: 1, guideRow: 0));
        bench.Llama.SetRow(bench.Stream, 0, 1, 10, active: true);
        bench.Llama.SetRow(bench.Stream, 1, 1, 300, active: true);
        var reference = new StageChain(chain.Stage, chain.Sampling, chain.HasPlan);
        var (random, history, wrong) = (new Random(5), new List<int>(), 0);
        const int Steps = 250;
        for (var step = 0; step < Steps; step++)
        {
            var logits = Logits(random, 2 * scored.Count, chain.Grain);
            CudaCopy.ToDevice<float>(bench.Llama.Logits, logits, bench.Stream);
            sampler.Sample(bench.Stream, scored.First, scored.Count);
            bench.Stream.Synchronize();
            var distribution = reference.Next(Mixed(chain, logits, scored.Count), history.ToArray(), step);
            var id = sampler.IdAt(1, step);
            wrong += id == StageDraw.Draw(distribution, Seed, step) ? 0 : 1;
            var stopped = id == EndId;
            Assert.Equal(new SongProgress(step + 1, stopped), sampler.Progress(1));
            Assert.Equal(id, CudaCopy.ToHost<int>(bench.Llama.Tokens, 2, bench.Stream)[1]);
            Assert.Equal(
                [chain.IsGuided ? 11 + step : 10, 301 + step], CudaCopy.ToHost<int>(bench.Llama.Positions, 2, bench.Stream));
            Assert.Equal(stopped ? 0 : 1, CudaCopy.ToHost<int>(bench.Llama.Active, 2, bench.Stream)[1]);
            if (stopped)
            {
                Assert.True(step >= chain.Sampling.MinTokens, "the end id was drawn before the minimum length");
                break;
            }

            history.Add(id);
        }

        Assert.Equal(new SongProgress(0, false), sampler.Progress(0));

        // If a random number or a cutoff is within rounding error of the boundary between two ids, either may be drawn.
        Assert.True(wrong <= 2, $"{name}: {wrong} of {Steps} ids differ");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_ids_of_a_whole_vocabulary_equal_those_of_the_CPU_chain(bool isMusic)
    {
        gpu.Require();
        var stage = isMusic ? StageIds.Music : StageIds.Score;
        var sampling = (isMusic ? StageSampling.Music : StageSampling.Score) with { MinTokens = 2 };
        var chain = new Case(stage, sampling) { IsGuided = isMusic };
        var scored = stage.Scored;
        using var bench = new DecodeBench(gpu, Shape with { Vocabulary = scored.End }, WeightType.BFloat16, 2, 1);
        using var sampler = new StageSampler(gpu.Require(), gpu.Kernels, bench.Llama, 1);
        sampler.SetSong(bench.Stream, 0, Settings(chain, row: 1, guideRow: 0));
        var reference = new StageChain(stage, sampling, hasPlan: true);
        var (random, history, wrong) = (new Random(8), new List<int>(), 0);
        for (var step = 0; step < 30; step++)
        {
            var logits = Logits(random, 2 * scored.Count, 0);
            CudaCopy.ToDevice<float>(bench.Llama.Logits, logits, bench.Stream);
            sampler.Sample(bench.Stream, scored.First, scored.Count);
            bench.Stream.Synchronize();
            var id = sampler.IdAt(0, step);
            wrong += id == StageDraw.Draw(reference.Next(Mixed(chain, logits, scored.Count), history.ToArray(), step), Seed, step) ? 0 : 1;
            history.Add(id);
        }

        Assert.True(wrong <= 1, $"{wrong} of 30 ids differ");
    }

    [Fact]
    public void A_song_has_the_same_ids_alone_and_with_songs_of_both_stages()
    {
        gpu.Require();
        var music = new Case(new StageIds(new EngineRange(1000, 3000), EndId), Plain);
        var score = new Case(new StageIds(new EngineRange(5, 4900), EndId), StageSampling.Score);
        using var bench = new DecodeBench(gpu, Shape, WeightType.BFloat16, 3, 1);
        using var sampler = new StageSampler(gpu.Require(), gpu.Kernels, bench.Llama, 3);
        int[] Run(params (Case Chain, int Song, int Row)[] songs)
        {
            var random = new Random(5);
            for (var song = 0; song < sampler.Songs; song++)
            {
                sampler.StopSong(bench.Stream, song);
            }

            foreach (var (chain, song, row) in songs)
            {
                sampler.SetSong(bench.Stream, song, Settings(chain, row, guideRow: 0));
            }

            for (var step = 0; step < 40; step++)
            {
                var logits = Logits(random, Shape.Vocabulary, 0);
                CudaCopy.ToDevice<float>(bench.Llama.Logits, [.. logits, .. logits, .. logits], bench.Stream);
                sampler.Sample(bench.Stream, 0, Shape.Vocabulary);
                bench.Stream.Synchronize();
            }

            return [.. Enumerable.Range(0, 40).Select(step => sampler.IdAt(songs[0].Song, step))];
        }

        var alone = Run((music, 0, 0));
        Assert.Equal(alone, Run((music, 2, 1), (score, 0, 2), (music, 1, 0)));
        Assert.Equal(Run((score, 1, 0)), Run((score, 0, 2), (music, 1, 1)));
    }

    [Fact]
    public void A_song_whose_best_score_is_not_a_number_stops_with_no_id()
    {
        gpu.Require();
        using var bench = new DecodeBench(gpu, Shape, WeightType.BFloat16, 1, 1);
        using var sampler = new StageSampler(gpu.Require(), gpu.Kernels, bench.Llama, 1);
        sampler.SetSong(bench.Stream, 0, Settings(new Case(new StageIds(new EngineRange(5, 4900), EndId), Plain), row: 0, guideRow: 0));
        bench.Llama.SetRow(bench.Stream, 0, 1, 10, active: true);
        var logits = Logits(new Random(1), Shape.Vocabulary, 0);
        logits[77] = float.NaN;
        CudaCopy.ToDevice<float>(bench.Llama.Logits, logits, bench.Stream);
        sampler.Sample(bench.Stream, 0, Shape.Vocabulary);
        bench.Stream.Synchronize();
        Assert.Equal(StageSampler.NoId, sampler.IdAt(0, 0));
        Assert.Equal(new SongProgress(1, true), sampler.Progress(0));
        Assert.Equal(0, CudaCopy.ToHost<int>(bench.Llama.Active, 1, bench.Stream)[0]);
    }

    private static Case Chain(string name)
    {
        var stage = new StageIds(new EngineRange(1000, 3000), EndId);
        return name switch
        {
            "score" => new Case(stage, StageSampling.Score with { MaxTokens = 1000 }),
            "guided" => new Case(stage, Plain) { IsGuided = true },
            "no plan" => new Case(stage, Plain with { TopP = 0.4 }) { IsGuided = true, HasPlan = false },
            "narrow nucleus" => new Case(stage, Plain with { TopP = 0.001 }) { HasPlan = false },
            "large k" => new Case(stage, Plain with { TopK = 700, TopP = 0.99 }),
            "k and p off" => new Case(stage, Plain with { TopK = 100_000, TopP = 1 }),
            "p alone" => new Case(stage, Plain with { TopK = 100_000 }),
            "greedy" => new Case(stage, Plain with { Temperature = 0 }) { Grain = 0.5 },
            "ties" => new Case(stage, Plain with { Temperature = 1.3, TopP = 0.8 }) { Grain = 0.5, HasPlan = false },
            "no penalty" => new Case(stage, Plain with { RepetitionPenalty = 1, PenaltyWindow = 1 }),
            "few ids" => new Case(new StageIds(new EngineRange(40, 31), EndId), Plain with { TopK = 5, PenaltyWindow = 100 }),
            "end" => new Case(new StageIds(new EngineRange(40, 90), EndId), Plain with { TopK = 100, TopP = 1, Temperature = 5 }),
            _ => new Case(stage, Plain),
        };
    }

    private static StageSettings Settings(Case chain, int row, int guideRow) => new()
    {
        Row = row,
        GuideRow = chain.IsGuided ? guideRow : null,
        Guidance = Case.Guidance,
        Seed = Seed,
        Content = new IdRange(chain.Stage.Content.First, chain.Stage.Content.End),
        EndId = chain.Stage.EndId,
        Temperature = (float)chain.Sampling.Temperature,
        TopK = chain.Sampling.TopK,
        TopP = (float)chain.Sampling.TopP,
        MinKept = StageChain.MinKept(chain.HasPlan),
        Penalties = chain.Sampling.Penalties(),
        MinTokens = chain.Sampling.MinTokens,
        MaxTokens = chain.Sampling.MaxTokens,
    };

    private static float[] Mixed(Case chain, float[] logits, int count)
    {
        var own = logits[count..];
        return chain.IsGuided ? [.. own.Select((value, i) => logits[i] + (Case.Guidance * (value - logits[i])))] : own;
    }

    /// <summary>Returns random logits, rounded to multiples of the grain if it is not 0.</summary>
    private static float[] Logits(Random random, int count, double grain)
    {
        var logits = new float[count];
        for (var i = 0; i < count; i++)
        {
            var value = 4 * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            logits[i] = (float)(grain > 0 ? Math.Round(value / grain) * grain : value);
        }

        return logits;
    }

    private sealed record Case(StageIds Stage, StageSampling Sampling)
    {
        public const float Guidance = 1.4f;

        public bool IsGuided { get; init; }

        public bool HasPlan { get; init; } = true;

        public double Grain { get; init; }
    }
}
