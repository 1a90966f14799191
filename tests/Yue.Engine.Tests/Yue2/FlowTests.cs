using System.Text.Json;
using Xunit;
using Yue.Engine.Families.Yue2.Flow;
using Yue.Engine.Families.Yue2.Stages;
using Yue.Engine.Families.Yue2.Tokens;
using Yue.Engine.Songs;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Yue2;

[Trait("Category", Yue2Goldens.Category)]
public sealed class FlowTests(Yue2Models models) : IClassFixture<Yue2Models>
{
    private const double Tolerance = 2e-5;

    private static readonly string File = Yue2Goldens.PathOf("nar", "expected.safetensors");

    [Fact]
    public void Velocities_at_every_golden_time_equal_the_reference()
    {
        using var scope = NewDisposeScope();
        var times = RawTimes();
        Assert.NotEmpty(times);
        for (var i = 0; i < times.Length; i++)
        {
            var state = Read($"one.state{i}");
            using var chunk = OpenOne(state);
            TensorAssert.Close(Read($"one.velocity{i}"), chunk.Velocity(state, times[i]), Tolerance, $"velocity {i}");
        }
    }

    [Fact]
    public void Time_embeddings_equal_the_reference()
    {
        using var scope = NewDisposeScope();
        var embeddings = stack(RawTimes().Select(models.Flow.TimeEmbedding));
        TensorAssert.Close(Read("one.time_embedding"), embeddings, Tolerance);
    }

    [Fact]
    public void Frames_beyond_the_table_use_its_last_row()
    {
        using var scope = NewDisposeScope();
        var noise = Read("clamp.noise");
        Assert.True(noise.shape[0] > Yue2Models.Config.MaxLatentFrames);
        using var chunk = Open("clamp.ar_tokens", noise);
        TensorAssert.Close(Read("clamp.velocity"), chunk.Velocity(noise, 0.4), Tolerance);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(32)]
    public void Latents_of_one_chunk_equal_the_reference(int steps)
    {
        using var scope = NewDisposeScope();
        var noise = Read("one.noise");
        using var chunk = OpenOne(noise);
        TensorAssert.Close(Read($"one.latents_{steps}"), Solve(noise, steps, chunk.Velocity), Tolerance);
    }

    [Fact]
    public void Latents_of_a_song_in_chunks_equal_the_reference()
    {
        using var scope = NewDisposeScope();
        using var song = LongSong(steps: 4);
        var done = new List<int>();
        while (!song.IsDone)
        {
            song.Advance();
            done.Add(song.Evaluations);
        }

        TensorAssert.Close(Read("long.latents_4"), song.Latents(), Tolerance);
        Assert.Equal(8 * GoldenModels.Expected<int>(File, "long.chunk_frames").Length, song.AllEvaluations);
        Assert.Equal(Enumerable.Range(0, song.AllEvaluations + 1), done.Distinct());
    }

    [Fact]
    public void A_song_that_reuses_the_keys_of_its_music_has_the_same_latents()
    {
        const int Frames = 5;
        using var scope = NewDisposeScope();
        var model = models.Language;
        int[] prompt = [TokenIds.EndOfDocument, TokenIds.MusicStart];
        var noise = randn(Frames, models.Flow.LatentSize);
        var writer = new StageWriter(model, new StageOrder(
            StageIds.Music, StageSampling.Music with { MinTokens = Frames, MaxTokens = Frames }, prompt, Seed: 1));
        writer.Read();
        while (!writer.IsTruncated)
        {
            writer.Write();
        }

        int[] music = [.. writer.Tokens];
        TensorAssert.Close(Render(written: null), Render(writer), Tolerance);

        Tensor Render(StageWriter? written)
        {
            using var song = new FlowSong(models.Flow, prompt, music, noise, model.Config.MaxPositions, steps: 2, written);
            while (!song.IsDone)
            {
                song.Advance();
            }

            return song.Latents();
        }
    }

    [Fact]
    public void Songs_that_share_a_cache_take_turns_and_have_the_same_latents()
    {
        const int Frames = 20;
        using var scope = NewDisposeScope();
        using var cache = models.Language.NewCache(1, 64);
        using var flow = models.FlowWith(cache);
        int[] prompt = [TokenIds.EndOfDocument, TokenIds.MusicStart];
        var noise = randn(Frames, models.Flow.LatentSize);
        FlowSong Song(FlowModel model, int code)
        {
            int[] music = [.. Enumerable.Repeat(TokenIds.FirstCode + code, Frames)];
            return new FlowSong(model, prompt, music, noise, context: 64, steps: 2);
        }

        using (var cancelled = Song(flow, code: 9))
        {
            cancelled.Advance();
        }

        using var first = Song(flow, code: 1);
        using var second = Song(flow, code: 2);
        while (!first.IsDone)
        {
            first.Advance();
            Assert.Equal(0, second.Evaluations);
            second.Advance();
        }

        while (!second.IsDone)
        {
            second.Advance();
        }

        foreach (var (shared, code) in (IEnumerable<(FlowSong, int)>)[(first, 1), (second, 2)])
        {
            using var own = Song(models.Flow, code);
            while (!own.IsDone)
            {
                own.Advance();
            }

            TensorAssert.Close(own.Latents(), shared.Latents(), Tolerance, $"code {code}");
        }
    }

    [Fact]
    public void Velocities_need_all_tokens_of_the_chunk()
    {
        using var latents = zeros(1, models.Flow.LatentSize);
        using var chunk = models.Flow.TryOpen([TokenIds.EndOfDocument], 1, written: null)!;
        Assert.Throws<InvalidOperationException>(() => chunk.Velocity(latents, 0));
    }

    [Fact]
    public void Latents_that_are_not_finite_fail_the_song()
    {
        using var noise = ones(3, 2);
        Assert.Throws<SongException>(() => Solve(noise, 1, (state, _) => full_like(state, double.NaN)));
    }

    [Fact]
    public void Chunks_equal_those_of_the_reference()
    {
        var cases = Yue2Json.Read(Yue2Goldens.PathOf("prompts", "prompts.json")).GetProperty("chunk_ranges").EnumerateArray().ToArray();
        Assert.NotEmpty(cases);
        Assert.All(cases, expected =>
        {
            int Value(string name) => expected.GetProperty(name).GetInt32();
            IReadOnlyList<Range> Chunks() => FlowChunks.Of(Value("frames"), Value("prefix"), Value("context"));
            var ranges = expected.GetProperty("ranges");
            if (ranges.ValueKind == JsonValueKind.Null)
            {
                Assert.Throws<SongException>(Chunks);
                return;
            }

            Assert.Equal(ranges.EnumerateArray().Select(range => range[0].GetInt32()..range[1].GetInt32()), Chunks());
        });
    }

    [Fact]
    public void Times_equal_the_reference()
    {
        var cases = Yue2Json.Read(Yue2Goldens.PathOf("nar", "times.json")).EnumerateObject().ToArray();
        Assert.NotEmpty(cases);
        Assert.All(cases, expected =>
        {
            double[] Values(string name) => [.. expected.Value.EnumerateArray().Select(time => time.GetProperty(name).GetDouble())];
            var times = FlowSolver.Times(int.Parse(expected.Name, System.Globalization.CultureInfo.InvariantCulture)).ToArray();
            Assert.Equal(Values("t"), times);
            Assert.Equal(Values("raw"), times.Select(FlowSolver.RawTime), (first, second) => Math.Abs(first - second) < 1e-9);
        });
    }

    [Fact]
    public void The_noise_of_a_seed_equals_that_of_PyTorch()
    {
        const string Prefix = "randn.";
        var file = Yue2Goldens.PathOf("rng", "expected.safetensors");
        using var stored = SafetensorsFile.Open(file);
        var names = stored.Tensors.Keys.Where(name => name.Count(letter => letter == '.') == 1).ToArray();
        Assert.NotEmpty(names);
        Assert.All(names, name =>
        {
            var seed = long.Parse(name[Prefix.Length..], System.Globalization.CultureInfo.InvariantCulture);
            var drawn = FlowNoise.Draw(seed, 96 * 64);
            TensorAssert.Close(GoldenModels.Expected<float>(file, name), drawn.AsSpan(..256), 2e-6, name);
            if (stored.Tensors.ContainsKey(name + ".last_frame"))
            {
                TensorAssert.Close(GoldenModels.Expected<float>(file, name + ".last_frame"), drawn.AsSpan(^64..), 2e-6, name);
            }
        });
    }

    private FlowSong LongSong(int steps)
    {
        var music = Array.ConvertAll(GoldenModels.Expected<int>(File, "long.codes"), code => TokenIds.FirstCode + code);
        return new FlowSong(
            models.Flow, GoldenModels.Expected<int>(File, "long.prefix"), music, Read("long.noise"),
            GoldenModels.Expected<int>(File, "long.context")[0], steps);
    }

    private IFlowChunk OpenOne(Tensor latents) => Open("one.ar_tokens", latents);

    /// <summary>Opens a chunk with as many frames as the latents, and reads its tokens.</summary>
    private IFlowChunk Open(string tokens, Tensor latents)
    {
        var chunk = models.Flow.TryOpen(GoldenModels.Expected<int>(File, tokens), (int)latents.shape[0], written: null)!;
        while (chunk.Unread > 0)
        {
            chunk.Read();
        }

        return chunk;
    }

    private static Tensor Solve(Tensor noise, int steps, Func<Tensor, double, Tensor> velocity)
    {
        using var solver = new FlowSolver(noise, steps);
        while (!solver.IsDone)
        {
            using var speed = velocity(solver.State, solver.NextRawTime);
            solver.Advance(speed);
        }

        return solver.Latents();
    }

    private static Tensor Read(string name)
    {
        using var stored = SafetensorsFile.Open(File);
        var source = new CheckpointTensors(stored, ScalarType.Float32);
        return source.Read(name, source.ShapeOf(name));
    }

    private static double[] RawTimes()
    {
        using var stored = SafetensorsFile.Open(File);
        var source = new CheckpointTensors(stored, ScalarType.Float64);
        using var times = source.Read("one.raw_t", source.ShapeOf("one.raw_t"));
        return times.data<double>().ToArray();
    }
}
