using System.Runtime.InteropServices;
using TorchSharp;
using Xunit;
using Yue.Engine.Families.Yue1.Stage1;
using Yue.Engine.Families.Yue1.Stage2;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Llama;
using Yue.Engine.Sampling;
using Yue.Engine.Tests.Stage1;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Gpu;

/// <summary>Compares the GPU's decoders with the reference decoders, which have the same weights, and songs made together with songs
/// made alone.</summary>
[Trait("Category", "Gpu")]
public sealed class CudaDecoderTests
{
    [Theory]
    [InlineData("bf16")]
    [InlineData("int8")]
    [InlineData("fp8")]
    [InlineData("int6")]
    [InlineData("int4")]
    [InlineData("f32")]
    public void Every_best_id_is_that_of_the_reference_or_nearly_ties_with_it(string weights)
    {
        using var gpu = TestGpu.Open(weights);
        using var model = Model(gpu);
        using var decoder = new CudaStage1Decoder(model, gpu, songs: 1);

        var sung = Sing(decoder, decoder.TryOpen(1)!, topK: 1);

        // The reference gets the GPU's ids, so that the two do not diverge after a near-tie.
        var ties = 0;
        using var reference = new ForcedReference(model);
        for (var section = 0; section < sung.Length; section++)
        {
            reference.Feed(Prompt(section));
            foreach (var id in sung[section])
            {
                var gap = reference.GapToBest(id, Sampling(topK: 0, tokens: 120) with { TopP = 1 });
                Assert.True(gap < 0.25, $"section {section + 1}: id {id} scores {gap} below the reference's best");
                ties += gap > 0 ? 1 : 0;
                reference.Feed([id]);
            }
        }

        Assert.InRange(ties, 0, 24);        // of 240
    }

    /// <summary>In F32, only the order of sums differs, so the same random numbers give the same ids.</summary>
    [Fact]
    public void Ids_and_codes_in_f32_equal_those_of_the_reference_on_the_CPU()
    {
        using var gpu = TestGpu.Open("f32");
        using var model = Model(gpu);
        using var plain = Model(ScalarType.Float32, CPU);
        using (var reference = new TorchStage1Decoder(plain, songs: 1))
        using (var decoder = new CudaStage1Decoder(model, gpu, songs: 1))
        {
            var expected = Sing(reference, reference.TryOpen(7)!, topK: 50);
            Assert.Equal(expected, Sing(decoder, decoder.TryOpen(7)!, topK: 50));
        }

        using var reference2 = new TorchStage2Decoder(plain, maxRows: 3, Stage2Mask.SlotExact);
        using var decoder2 = new CudaStage2Decoder(model, gpu, rows: 3);
        var chunks = Chunks(10, 70, 41);
        Assert.Equal(Encode(reference2, chunks), Encode(decoder2, chunks));
    }

    [Fact]
    public void A_song_has_the_same_ids_alone_and_in_a_batch()
    {
        using var gpu = TestGpu.Open("bf16");
        using var model = Model(gpu);
        using var decoder = new CudaStage1Decoder(model, gpu, songs: 3);
        var alone = Sing(decoder, decoder.TryOpen(7)!, topK: 50);

        using var other = decoder.TryOpen(8)!;
        using var third = decoder.TryOpen(9)!;
        other.BeginAndRead([4, 5, 6, TokenMap.XCodec], 0, Sampling(topK: 50, tokens: 400));
        third.BeginAndRead([9, TokenMap.XCodec], 0, Sampling(topK: 50, tokens: 400) with { GuidanceScale = 1 });
        var beside = Sing(decoder, decoder.TryOpen(7)!, topK: 50, other, third);

        Assert.Equal(alone[0], beside[0]);
        Assert.Equal(alone[1], beside[1]);
        Assert.Equal(2 * 128, other.Sampled.Count);     // eight batches of 16 ids per section
    }

    /// <remarks>While a song's listener is waiting for stage 2, only ids of the other songs are requested. Each song samples 400 ids, and
    /// the ring buffer of its sampled ids has 256 entries.</remarks>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void A_song_has_the_same_ids_if_only_ids_of_others_are_requested(int requested)
    {
        using var gpu = TestGpu.Open("bf16");
        using var model = Model(gpu);
        int[][] alone = [.. Enumerable.Range(0, 3).Select(seed =>
        {
            using var single = new CudaStage1Decoder(model, gpu, songs: 1);
            using var song = Begin(single, seed);
            return Finish(single, song);
        })];

        using var decoder = new CudaStage1Decoder(model, gpu, songs: 3);
        IStage1Sequence[] songs = [.. Enumerable.Range(0, 3).Select(seed => Begin(decoder, seed))];
        Finish(decoder, songs[requested]);
        Assert.Equal(alone, songs.Select(song => Finish(decoder, song)));

        static IStage1Sequence Begin(CudaStage1Decoder decoder, int seed)
        {
            var song = decoder.TryOpen(seed)!;
            song.BeginAndRead(Prompt(0), 0, Sampling(topK: 50, tokens: 400));
            return song;
        }

        static int[] Finish(CudaStage1Decoder decoder, IStage1Sequence song)
        {
            while (song.Sampled.Count < 400)
            {
                decoder.Advance([song]);
            }

            return [.. song.Sampled];
        }
    }

    /// <remarks>The prompt ends within a page, and the songs are truncated within the pages that they share.</remarks>
    [Theory]
    [InlineData("bf16", "bf16")]
    [InlineData("bf16", "fp8")]
    [InlineData("f32", "f32")]
    public void Open_songs_with_the_same_prompt_read_it_once_and_sing_as_if_alone(string weights, string cache)
    {
        using var gpu = TestGpu.Open(weights, cache);
        using var model = Model(gpu);
        int[] head = [.. Enumerable.Range(0, 600).Select(i => 1 + (i * 31 % 200))];
        int[] prompt = [.. head, .. Enumerable.Range(0, 400).Select(i => 1 + (i * 17 % 200)), TokenMap.XCodec];
        int[][][] alone = [.. Enumerable.Range(1, 3).Select(Alone)];

        using var decoder = new CudaStage1Decoder(model, gpu, songs: 3);
        IStage1Sequence[] takes = [.. Enumerable.Range(1, 3).Select(seed => decoder.TryOpen(seed)!)];
        Array.ForEach(takes, take => take.BeginSection(prompt, 0, Sampling(topK: 50, tokens: 120)));
        while (takes[^1].Unread > 0)
        {
            Array.ForEach(takes, take => take.Read());
        }

        Assert.Equal(1000, decoder.PrefilledIds);
        var together = takes.Select(_ => new List<int[]>()).ToArray();
        foreach (var section in (int[])[0, 1, 2])
        {
            for (var i = 0; i < takes.Length && section > 0; i++)
            {
                // The takes continue one after another, so a take that wrote to a shared page would corrupt the later ones.
                Continue(takes[i], head, section);
            }

            while (takes.Any(take => take.Sampled.Count < 120))
            {
                decoder.Advance(takes);
            }

            for (var i = 0; i < takes.Length; i++)
            {
                together[i].Add([.. takes[i].Sampled]);
            }
        }

        Assert.Equal(alone, together.Select(sections => sections.ToArray()));
        Array.ForEach(takes, take => take.Dispose());
        using var again = decoder.TryOpen(1)!;
        var read = decoder.PrefilledIds;
        again.BeginAndRead(prompt, 0, Sampling(topK: 50, tokens: 120));
        Assert.Equal(read + 1000, decoder.PrefilledIds);

        int[][] Alone(int seed)
        {
            using var single = new CudaStage1Decoder(model, gpu, songs: 1);
            using var song = single.TryOpen(seed)!;
            List<int[]> sections = [];
            foreach (var section in (int[])[0, 1, 2])
            {
                if (section == 0)
                {
                    song.BeginAndRead(prompt, 0, Sampling(topK: 50, tokens: 120));
                }
                else
                {
                    Continue(song, head, section);
                }

                while (song.Sampled.Count < 120)
                {
                    single.Advance([song]);
                }

                sections.Add([.. song.Sampled]);
            }

            return [.. sections];
        }
    }

    /// <summary>Begins a section after the previous one. Section 2 begins directly after the head instead.</summary>
    private static void Continue(IStage1Sequence song, int[] head, int section)
    {
        if (section == 2)
        {
            song.Truncate(head);
        }

        song.BeginAndRead(Prompt(section), section, Sampling(topK: 50, tokens: 120));
    }

    [Fact]
    public void At_least_6_of_8_codes_of_each_chunks_first_frame_equal_the_reference()
    {
        using var gpu = TestGpu.Open("bf16");
        using var model = Model(gpu);
        using var reference = new TorchStage2Decoder(model, maxRows: 3, Stage2Mask.SlotExact);
        using var decoder = new CudaStage2Decoder(model, gpu, rows: 3);
        var chunks = Chunks(10, 300, 41);

        var expected = Encode(reference, chunks);
        var actual = Encode(decoder, chunks);

        for (var chunk = 0; chunk < chunks.Length; chunk++)
        {
            Assert.Equal(chunks[chunk], actual[chunk][0]);
            Assert.All(actual[chunk], row => Assert.All(row, code => Assert.InRange(code, 0, 1023)));
            var agreed = Enumerable.Range(0, 8).Count(codebook => expected[chunk][codebook][0] == actual[chunk][codebook][0]);
            Assert.True(agreed >= 6, $"chunk {chunk}: {agreed} of 8 codes of the first frame agree");
        }
    }

    /// <remarks>The prompt is read by TorchSharp, and the sampled ids by the step kernel.</remarks>
    [Theory]
    [InlineData("bf16")]
    [InlineData("int4")]
    [InlineData("f32")]
    public void A_model_whose_embedding_is_in_host_memory_sings_the_same_ids(string weights)
    {
        using var gpu = TestGpu.Open(weights);
        using var model = Model(gpu);
        using var smaller = Model(gpu, new DeviceParts { HasEmbedding = false });
        Assert.Equal(DeviceType.CPU, smaller.Weights.Embedding.device_type);
        using var decoder = new CudaStage1Decoder(model, gpu, songs: 1);
        using var smallerDecoder = new CudaStage1Decoder(smaller, gpu, songs: 1);
        Assert.Equal(
            Sing(decoder, decoder.TryOpen(7)!, topK: 50), Sing(smallerDecoder, smallerDecoder.TryOpen(7)!, topK: 50));
    }

    [Theory]
    [InlineData("bf16")]
    [InlineData("int8")]
    [InlineData("int4")]
    public void Stage_2_needs_only_the_head_rows_of_the_ids_that_it_can_choose(string weights)
    {
        using var gpu = TestGpu.Open(weights);
        using var model = Model(gpu);
        using var part = Model(gpu, new DeviceParts { ScoredIds = CudaStage2Decoder.ScoredIds });
        using var decoder = new CudaStage2Decoder(model, gpu, rows: 3);
        using var partDecoder = new CudaStage2Decoder(part, gpu, rows: 3);
        var chunks = Chunks(10, 70, 41);
        Assert.Equal(Encode(decoder, chunks), Encode(partDecoder, chunks));
    }

    [Fact]
    public void Chunks_have_the_same_codes_alone_and_with_those_of_another_song()
    {
        using var gpu = TestGpu.Open("bf16");
        using var model = Model(gpu);
        using var decoder = new CudaStage2Decoder(model, gpu, rows: 10);
        var chunks = Chunks(40, 25);
        var alone = Encode(decoder, chunks);

        using var other = decoder.Begin(Chunks(300, 7));
        decoder.Advance();
        var beside = Encode(decoder, chunks);
        using var third = decoder.Begin(Chunks(9, 9, 9, 9, 9, 9, 9, 9));

        Assert.Equal(0, decoder.FreeRows);
        Assert.Throws<ArgumentException>(() => decoder.Begin(chunks));
        Assert.False(other.IsDone);
        Assert.Equal(alone, beside);
        Assert.Equal(alone, Again());

        int[][][] Again()
        {
            third.Dispose();
            return Encode(decoder, chunks);
        }
    }

    [Fact]
    public void Finished_frames_of_a_chunk_can_be_read_before_its_end()
    {
        using var gpu = TestGpu.Open("bf16");
        using var model = Model(gpu);
        using var decoder = new CudaStage2Decoder(model, gpu, rows: 4);
        var chunks = Chunks(40, 25);
        var whole = Encode(decoder, chunks);

        using var run = decoder.Begin(chunks);
        for (var done = 0; !run.IsDone; done = run.FramesDoneOf(0))
        {
            decoder.Advance();
            Assert.True(run.FramesDoneOf(0) > done);
            Assert.Equal(whole[0].Select(row => row[done..run.FramesDoneOf(0)]), run.Codes(0, done..run.FramesDoneOf(0)));
            Assert.Equal(whole[1].Select(row => row[..run.FramesDoneOf(1)]), run.Codes(1, ..));
        }
    }

    /// <summary>Sings two sections, cut off at 120 ids each.</summary>
    private static int[][] Sing(IStage1Decoder decoder, IStage1Sequence song, int topK, params IStage1Sequence[] beside)
    {
        using var place = song;
        List<int[]> sections = [];
        foreach (var section in (int[])[0, 1])
        {
            song.BeginAndRead(Prompt(section), section, Sampling(topK, tokens: 120));
            while (song.Sampled.Count < 120)
            {
                decoder.Advance([song, .. beside]);
            }

            sections.Add([.. song.Sampled]);
        }

        return [.. sections];
    }

    private static int[] Prompt(int section) => [1, 2, 3 + section, TokenMap.StartOfAudio, TokenMap.XCodec];

    private static int[][] Chunks(params int[] frames) =>
        [.. frames.Select(count => Enumerable.Range(0, count).Select(i => i * 37 % 1024).ToArray())];

    private static int[][][] Encode(IStage2Decoder decoder, int[][] chunks)
    {
        using var run = decoder.Begin(chunks);
        while (!run.IsDone)
        {
            decoder.Advance();
        }

        Assert.Equal(chunks.Sum(chunk => chunk.Length), run.FramesDone);
        return [.. chunks.Select((_, i) => run.Codes(i, ..))];
    }

    private static SectionSampling Sampling(int topK, int tokens) => new()
    {
        GuidanceScale = 1.5,
        RepetitionPenalty = 1.1,
        Temperature = 1,
        TopP = 0.93,
        TopK = topK,
        MinNewTokens = tokens,
        MaxNewTokens = tokens,
        EndId = TokenMap.EndOfAudio,
        Allowed = Stage1Song.DefaultMask,
    };

    /// <summary>Returns a model of two layers with the real vocabulary and random weights.</summary>
    private static LlamaModel Model(Yue.Engine.Residency.Gpu gpu, DeviceParts? parts = null) =>
        Model(gpu.Dtype, CUDA, gpu.Quantizer, parts);

    private static LlamaModel Model(ScalarType dtype, Device device, MatrixQuantizer? quantizer = null, DeviceParts? parts = null)
    {
        var config = TestLlama.FullSizeStage1 with
        {
            HiddenSize = 256,
            IntermediateSize = 512,
            Layers = 2,
            Heads = 8,
            KeyValueHeads = 1,
            MaxPositions = 4096,
        };
        var source = new RandomWeights(seed: 3, deviation: 0.08, dtype, device);
        return new LlamaModel(config, LlamaWeights.Load(config, source, quantizer, parts));
    }

    /// <summary>Feeds given ids to the reference, and compares their scores with those of its best ids.</summary>
    private sealed class ForcedReference(LlamaModel model) : IDisposable
    {
        private readonly Yue.Engine.Llama.KvCache _cache = model.NewCache(rows: 2, 1024);
        private readonly SeenIds _seen = new(model.Config.VocabularySize);
        private readonly SamplingChain _chain = new(model.Config.VocabularySize);
        private int[] _fed = [];

        /// <summary>Appends a prompt or one id. A prompt begins a section, and the unconditional row starts from the prompt's last
        /// id.</summary>
        public void Feed(int[] ids)
        {
            if (ids.Length > 1)
            {
                model.Prefill([.. _fed, .. ids[..^1]], _cache, row: 0).Dispose();
                _cache.Clear(row: 1);
            }

            _seen.Add(ids);
            _fed = [ids[^1]];
        }

        /// <summary>Processes the last id that was fed, and returns the difference between the log-probabilities of the best id and the
        /// given id.</summary>
        public double GapToBest(int id, SectionSampling sampling)
        {
            using var scope = NewDisposeScope();
            var V = model.Config.VocabularySize;
            var hidden = model.Step([_fed[0], _fed[0]], _cache, ..2);
            var logits = model.Logits(hidden, 0, V).cpu();
            var scores = MemoryMarshal.Cast<byte, float>(logits.bytes);
            var next = _chain.Next(scores[..V], scores[V..], sampling, _seen, newTokens: 0);
            _fed = [];
            return Math.Log(next.Probabilities[0]) - Math.Log(next.Probabilities[next.Ids.IndexOf(id)]);
        }

        public void Dispose() => _cache.Dispose();
    }
}
