using CsCheck;
using Xunit;
using Yue.Engine.Llama;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Llama;

public sealed class LlamaModelTests
{
    [Fact]
    public void Incremental_decode_equals_the_full_forward_pass()
    {
        using var model = RandomModel();
        Gen.Int[0, model.Config.VocabularySize - 1].Array[2, 24].Sample(
            ids =>
            {
                using var scope = NewDisposeScope();
                using var whole = model.NewCache(1, ids.Length);
                using var stepped = model.NewCache(1, ids.Length);
                var expected = model.Prefill(ids, whole, 0);
                var actual = expected;
                foreach (var id in ids)
                {
                    actual = model.Step([id], stepped, ..1);
                }

                TensorAssert.Close(expected, actual, 1e-4);
            },
            iter: 20,
            threads: 1);
    }

    [Fact]
    public void Rows_at_different_positions_do_not_see_each_other()
    {
        using var scope = NewDisposeScope();
        using var model = RandomModel();
        using var together = model.NewCache(2, 32);
        using var alone = model.NewCache(1, 32);
        model.Prefill([5, 6, 7, 8, 9, 10, 11], together, 0);
        model.Prefill([3], together, 1);
        model.Prefill([3], alone, 0);

        var rows = model.Step([4, 4], together, ..2);
        var row = model.Step([4], alone, ..1);

        TensorAssert.Close(row, rows.narrow(0, 1, 1), 1e-5);
    }

    [Fact]
    public void A_long_prompt_prefilled_in_chunks_equals_one_forward_pass()
    {
        using var scope = NewDisposeScope();
        using var model = RandomModel();
        int[] ids = [.. Enumerable.Range(0, 700).Select(i => i * 31 % model.Config.VocabularySize)];
        using var inPieces = model.NewCache(1, ids.Length);
        using var whole = model.NewCache(1, ids.Length);

        var pieces = model.Prefill(ids, inPieces, 0);      // in chunks of 512 and 188 ids
        var once = model.Forward(tensor(Array.ConvertAll(ids, id => (long)id)).unsqueeze(0), whole, ..1).select(1, -1);

        TensorAssert.Close(once, pieces, 1e-4);
    }

    [Fact]
    public void Calls_with_chunks_of_512_ids_give_the_same_bits_as_one_call()
    {
        using var scope = NewDisposeScope();
        using var model = RandomModel();
        int[] ids = [.. Enumerable.Range(0, 1001).Select(i => i * 31 % model.Config.VocabularySize)];
        using var together = model.NewCache(1, ids.Length);
        using var apart = model.NewCache(1, ids.Length);

        var once = model.Prefill(ids, together, 0);
        model.Prefill(ids.AsSpan(..LlamaModel.PrefillChunk), apart, 0);
        var pieces = model.Prefill(ids.AsSpan(LlamaModel.PrefillChunk..), apart, 0);

        Assert.Equal(once.data<float>().ToArray(), pieces.data<float>().ToArray());
        Assert.Equal(
            model.Logits(once, 0, model.Config.VocabularySize).data<float>().ToArray(),
            model.Logits(pieces, 0, model.Config.VocabularySize).data<float>().ToArray());
    }

    /// <summary>With 64 heads, the scores of a chunk over 1,000 positions are computed in two parts.</summary>
    [Fact]
    public void A_prompt_whose_scores_are_computed_in_parts_equals_small_steps()
    {
        using var scope = NewDisposeScope();
        var config = TestLlama.Tiny with { Heads = 64, HeadSize = 2, MaxPositions = 1024 };
        Assert.Equal(256, LlamaMemory.PositionsAtOnce(config.Heads, 1000, 488));
        using var model = RandomModel(config);
        int[] ids = [.. Enumerable.Range(0, 1000).Select(i => i * 31 % config.VocabularySize)];
        using var whole = model.NewCache(1, ids.Length);
        using var stepped = model.NewCache(1, ids.Length);

        var expected = empty(0);
        foreach (var few in ids.Chunk(CpuSteps.MaxIds))
        {
            expected = model.Step(few, stepped, ..1);
        }

        TensorAssert.Close(expected, model.Prefill(ids, whole, 0), 1e-4);
    }

    [Fact]
    public void A_one_layer_cache_with_a_store_gives_the_same_bits_as_a_full_cache()
    {
        using var scope = NewDisposeScope();
        using var model = RandomModel();
        int[] ids = [.. Enumerable.Range(0, 700).Select(i => i * 31 % model.Config.VocabularySize)];
        using var whole = model.NewCache(1, ids.Length);
        var store = new KeptLayers(model.NewCache(1, ids.Length));
        using var kept = store.Kept;
        using var layer = model.NewLayerCache(1, ids.Length, store);

        var expected = model.Prefill(ids, whole, 0);
        model.Prefill(ids.AsSpan(..600), layer, 0);
        var last = model.Prefill(ids.AsSpan(600..), layer, 0);

        using var again = model.NewCache(1, ids.Length);
        model.Prefill(ids.AsSpan(..600), again, 0);
        TensorAssert.Close(expected, last, 1e-4);
        Assert.Equal(
            model.Prefill(ids.AsSpan(600..), again, 0).data<float>().ToArray(), last.data<float>().ToArray());
        for (var i = 0; i < model.Config.Layers; i++)
        {
            Assert.Equal(again.Keys(i, 0, 1).ToArray(), kept.Keys(i, 0, 1).ToArray());
            Assert.Equal(again.Values(i, 0, 1).ToArray(), kept.Values(i, 0, 1).ToArray());
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(9)]
    public void A_partial_head_gives_the_same_logits_as_the_whole_head(int ids)
    {
        using var scope = NewDisposeScope();
        var config = TestLlama.Tiny with { TieWordEmbeddings = false };
        using var whole = RandomModel(config);
        using var part = RandomModel(config, new DeviceParts { ScoredIds = new(20, 44) });
        Assert.Equal([24, 32], part.Weights.Head.Values.shape);
        var hidden = whole.Forward(arange(ids).unsqueeze(0), whole.NewCache(1, 16), ..1);
        hidden = ids == 1 ? hidden.squeeze(1) : hidden;

        Assert.Equal(whole.Logits(hidden, 24, 16).data<float>().ToArray(), part.Logits(hidden, 24, 16).data<float>().ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => part.Logits(hidden, 19, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => part.Logits(hidden, 40, 5));
    }

    [Fact]
    public void A_head_that_is_tied_to_the_embedding_has_all_ids()
    {
        using var model = RandomModel(TestLlama.Tiny, new DeviceParts { ScoredIds = new(20, 44) });
        Assert.Equal(new(0, 64), model.Weights.ScoredIds);
    }

    [Fact]
    public void Ids_that_do_not_fit_in_the_cache_are_refused_with_the_figures()
    {
        using var model = RandomModel();
        using var cache = model.NewCache(1, 4);
        model.Prefill([1, 2, 3], cache, 0).Dispose();
        var error = Assert.Throws<ArgumentException>(() => model.Step([1, 2], cache, ..1));
        Assert.Equal("2 more ids make 5 positions, but the cache has 4", error.Message);
    }

    [Theory]
    [InlineData(4096, 11008, 4, false, 83968, 6_224_613_376)]       // stage 1, docs/model.md 2.1
    [InlineData(2048, 5504, 16, false, 83840, 1_962_543_104)]       // stage 2
    public void The_full_size_state_dict_has_the_published_shapes(
        int hidden, int inner, int kvHeads, bool tied, int vocabulary, long parameters)
    {
        var config = new LlamaConfig
        {
            HiddenSize = hidden,
            IntermediateSize = inner,
            Layers = 32,
            Heads = hidden / 128,
            KeyValueHeads = kvHeads,
            HeadSize = 128,
            VocabularySize = vocabulary,
            MaxPositions = 8192,
            RopeTheta = 10_000,
            RmsNormEpsilon = 1e-5,
            TieWordEmbeddings = tied,
            StoredDtype = ScalarType.BFloat16,
        };
        var shapes = PublishedShapes(hidden, inner, kvHeads * 128, vocabulary);
        Assert.Equal(291, shapes.Count);
        var table = new ShapeTable(shapes);

        using var weights = LlamaWeights.Load(config, table);

        Assert.Empty(table.Unread);
        var matrices = weights.Layers.Sum(layer => layer.InputNorm.numel() + layer.PostNorm.numel()
            + layer.Qkv.Values.numel() + layer.Output.Values.numel() + layer.GateUp.Values.numel() + layer.Down.Values.numel());
        var head = ReferenceEquals(weights.Head.Values, weights.Embedding) ? 0 : weights.Head.Values.numel();
        Assert.Equal(parameters, weights.Embedding.numel() + weights.Norm.numel() + head + matrices);
    }

    [Fact]
    public void A_load_that_fails_frees_what_it_has_read()
    {
        var source = new WeightsWithoutLastNorm();
        Assert.Throws<CheckpointException>(() => LlamaWeights.Load(TestLlama.Tiny, source));
        Assert.NotEmpty(source.Given);
        Assert.All(source.Given, tensor => Assert.True(tensor.IsInvalid));
    }

    /// <summary>Returns the names and shapes of docs/model.md 2.2.</summary>
    private static Dictionary<string, long[]> PublishedShapes(long H, long I, long kv, long V)
    {
        var shapes = new Dictionary<string, long[]>
        {
            ["model.embed_tokens.weight"] = [V, H],
            ["lm_head.weight"] = [V, H],
            ["model.norm.weight"] = [H],
        };
        for (var i = 0; i < 32; i++)
        {
            var layer = $"model.layers.{i}.";
            shapes[layer + "input_layernorm.weight"] = [H];
            shapes[layer + "self_attn.q_proj.weight"] = [H, H];
            shapes[layer + "self_attn.k_proj.weight"] = [kv, H];
            shapes[layer + "self_attn.v_proj.weight"] = [kv, H];
            shapes[layer + "self_attn.o_proj.weight"] = [H, H];
            shapes[layer + "post_attention_layernorm.weight"] = [H];
            shapes[layer + "mlp.gate_proj.weight"] = [I, H];
            shapes[layer + "mlp.up_proj.weight"] = [I, H];
            shapes[layer + "mlp.down_proj.weight"] = [H, I];
        }

        return shapes;
    }

    private static LlamaModel RandomModel() => RandomModel(TestLlama.Tiny with { MaxPositions = 1024 });

    private static LlamaModel RandomModel(LlamaConfig config, DeviceParts? parts = null) =>
        new(config, LlamaWeights.Load(config, new RandomWeights(seed: 1, deviation: 0.2, ScalarType.Float32, CPU), null, parts));

    /// <summary>Random weights in which the norm that is read after the blocks is missing.</summary>
    private sealed class WeightsWithoutLastNorm : ITensorSource
    {
        private readonly RandomWeights _weights = new(seed: 1, deviation: 0.2, ScalarType.Float32, CPU);

        public ScalarType Dtype => _weights.Dtype;

        public Device Device => _weights.Device;

        /// <summary>The tensors that were returned to the caller.</summary>
        public List<Tensor> Given { get; } = [];

        public bool Contains(string name) => _weights.Contains(name);

        public long[] ShapeOf(string name) => _weights.ShapeOf(name);

        public Tensor Read(string name, params ReadOnlySpan<long> expected)
        {
            if (name == "model.norm.weight")
            {
                throw new CheckpointException("weights", $"{name} is missing");
            }

            var tensor = _weights.Read(name, expected);
            Given.Add(tensor);
            return tensor;
        }

        public void ReadInto(string name, Tensor destination) => _weights.ReadInto(name, destination);
    }

    /// <summary>Stores the layers of the first row in another cache.</summary>
    private sealed class KeptLayers(KvCache kept) : ILayerStore
    {
        public KvCache Kept => kept;

        public void Load(int layer, KvCache cache) => Copy(kept, layer, cache, 0, 0..cache.Lengths[0]);

        public void Save(int layer, KvCache cache, int count) =>
            Copy(cache, 0, kept, layer, cache.Lengths[0]..(cache.Lengths[0] + count));

        private static void Copy(KvCache from, int fromLayer, KvCache to, int toLayer, Range positions)
        {
            var values = (positions.Start.Value * TestLlama.Tiny.HeadSize)..(positions.End.Value * TestLlama.Tiny.HeadSize);
            for (var head = 0; head < TestLlama.Tiny.KeyValueHeads; head++)
            {
                from.Keys(fromLayer, 0, head)[values].CopyTo(to.Keys(toLayer, 0, head)[values]);
                from.Values(fromLayer, 0, head)[values].CopyTo(to.Values(toLayer, 0, head)[values]);
            }
        }
    }
}
