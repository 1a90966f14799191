using Xunit;
using Yue.Engine.Llama;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Llama;

public sealed class CpuStepsTests
{
    private static readonly int[][] Prompts = [[.. Enumerable.Range(3, 40)], [9], [.. Enumerable.Range(1, 7)]];

    [Theory]
    [InlineData(4, 2, 16)]
    [InlineData(6, 1, 24)]
    [InlineData(2, 2, 6)]       // a head that is not a whole number of vectors
    public void Rows_of_two_ids_equal_a_forward_pass(int heads, int keyValueHeads, int headSize)
    {
        using var scope = NewDisposeScope();
        using var model = RandomModel(TestLlama.Tiny with { Heads = heads, KeyValueHeads = keyValueHeads, HeadSize = headSize });
        using var forward = Prefilled(model);
        using var stepped = Prefilled(model);
        int[] ids = [5, 6, 7, 8];

        var expected = model.Forward(tensor(Array.ConvertAll(ids, id => (long)id)).view(2, 2), forward, 1..3).select(1, -1);
        var actual = model.Step(ids, stepped, 1..3);

        TensorAssert.Close(expected, actual, 1e-4);
        Assert.Equal(forward.Lengths, stepped.Lengths);
        TensorAssert.Close(model.Step([1, 2, 3], forward, ..3), model.Step([1, 2, 3], stepped, ..3), 1e-4);
    }

    /// <summary>The first two lengths lie on either side of the end of a split.</summary>
    [Theory]
    [InlineData(2047)]
    [InlineData(2048)]
    [InlineData(5000)]
    public void A_row_of_several_splits_equals_a_forward_pass(int length)
    {
        using var scope = NewDisposeScope();
        using var model = RandomModel(TestLlama.Tiny with { MaxPositions = 5_100 });
        using var forward = model.NewCache(rows: 2, capacity: 5_100);
        using var stepped = model.NewCache(rows: 2, capacity: 5_100);
        int[] prompt = [.. Enumerable.Range(0, length).Select(i => i * 7919 % 60)];
        foreach (var cache in (KvCache[])[forward, stepped])
        {
            model.Prefill(prompt, cache, row: 0).Dispose();
            model.Prefill(prompt.AsSpan(..9), cache, row: 1).Dispose();
        }

        var expected = model.Forward(tensor(new long[] { 5, 6 }).view(2, 1), forward, ..2).select(1, -1);
        TensorAssert.Close(expected, model.Step([5, 6], stepped, ..2), 1e-4);
    }

    /// <summary>The rows are long enough that each of them gets its own core if the machine has two.</summary>
    [Fact]
    public void Rows_together_are_bit_identical_to_each_row_alone()
    {
        using var scope = NewDisposeScope();
        using var model = RandomModel(TestLlama.Tiny with { Heads = 16, KeyValueHeads = 2, HeadSize = 64, MaxPositions = 2_200 });
        using var together = model.NewCache(rows: 2, capacity: 2_200);
        using var alone = model.NewCache(rows: 2, capacity: 2_200);
        int[] prompt = [.. Enumerable.Range(0, 2_100).Select(i => i * 7919 % 60)];
        foreach (var cache in (KvCache[])[together, alone])
        {
            model.Prefill(prompt, cache, row: 0).Dispose();
            model.Prefill(prompt.AsSpan(..1_900), cache, row: 1).Dispose();
        }

        var both = model.Step([5, 6], together, ..2);
        var each = cat([model.Step([5], alone, ..1), model.Step([6], alone, 1..2)]);

        Assert.Equal(each.data<float>().ToArray(), both.data<float>().ToArray());
        Assert.Equal(alone.Lengths, together.Lengths);
    }

    [Fact]
    public void Scores_equal_the_matrix_product_and_rows_of_zeros_score_zero()
    {
        using var scope = NewDisposeScope();
        using var model = RandomModel(TestLlama.Tiny);
        var head = model.Weights.Head.Values;
        foreach (var id in (int[])[0, 1, 20, 40, 41, 63])
        {
            head[id].zero_();
        }

        using var reread = new LlamaModel(model.Config, model.Weights);
        var hidden = randn([3, model.Config.HiddenSize]);

        TensorAssert.Close(matmul(hidden, head.t()), reread.Logits(hidden, 0, 64), 1e-5);
        TensorAssert.Close(matmul(hidden, head[19..42].t()), reread.Logits(hidden, 19, 23), 1e-5);
    }

    [Theory]
    [InlineData(10, 0)]
    [InlineData(10, 1_000_000_000)]
    [InlineData(1, 1_000_000_000)]
    public void All_shared_work_is_done_exactly_once(int count, long multiplications)
    {
        var done = new int[count];
        CpuWork.Share(count, multiplications, (first, end) =>
        {
            for (var i = first; i < end; i++)
            {
                Interlocked.Increment(ref done[i]);
            }
        });
        Assert.All(done, times => Assert.Equal(1, times));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1_000_000_000)]
    public void An_exception_in_one_part_is_rethrown_to_the_caller(long multiplications) =>
        Assert.Throws<InvalidOperationException>(() => CpuWork.Share(10, multiplications, (_, _) => throw new InvalidOperationException()));

    private static KvCache Prefilled(LlamaModel model)
    {
        var cache = model.NewCache(rows: 3, capacity: 64);
        for (var row = 0; row < Prompts.Length; row++)
        {
            model.Prefill(Prompts[row], cache, row).Dispose();
        }

        return cache;
    }

    private static LlamaModel RandomModel(LlamaConfig config) =>
        new(config, LlamaWeights.Load(config, new RandomWeights(seed: 1, deviation: 0.2, ScalarType.Float32, CPU)));
}
