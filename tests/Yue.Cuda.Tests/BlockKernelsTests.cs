using Xunit;
using Yue.Cuda.Decode;
using Yue.Testing;

namespace Yue.Cuda.Tests;

[Collection(Gpu.Name)]
[Trait("Category", Gpu.Name)]
public sealed class BlockKernelsTests(Gpu gpu)
{
    private const int D = LlamaShape.HeadSize;
    private const float Epsilon = 1e-6f;

    /// <summary>The maximum relative error of one rounding to bf16, 1/256.</summary>
    private const double Tolerance = 1.0 / 256;

    [Theory]
    [InlineData(3, 128)]
    [InlineData(5, 2048)]
    [InlineData(2, 2056)]
    [InlineData(2, 8192)]
    public void Deltas_are_added_and_rows_normalized(int rows, int width)
    {
        using var bench = new Bench(gpu);
        var (x, delta, weight) = (bench.Values(rows * width), bench.Values(rows * width), bench.Values(width));
        using var xOnDevice = bench.Upload(x);
        using var deltaOnDevice = bench.Upload(delta);
        using var weightOnDevice = bench.Upload(weight);
        using var y = DeviceMemory.Allocate(xOnDevice.Bytes);
        foreach (var isAdded in (bool[])[false, true])
        {
            y.Fill(0xff, bench.Stream);
            bench.Kernels.AddNorm(
                bench.Stream, xOnDevice.Address, isAdded ? deltaOnDevice.Address : 0, weightOnDevice.Address, y.Address, rows, width,
                Epsilon);
            var sum = x.Select((value, i) => isAdded ? (float)Bf16.Round(value + delta[i]) : value).ToArray();
            Assert.Equal(sum, bench.Download(xOnDevice));
            var expected = sum.Chunk(width).SelectMany(row => Normed(row, weight)).ToArray();
            Close(expected, bench.Download(y));
        }
    }

    [Fact]
    public void Heads_are_normalized_rotated_and_stored_at_their_positions()
    {
        const int Rows = 5, Heads = 6, KeyValueHeads = 3, First = 7, Capacity = 20, All = Heads + (2 * KeyValueHeads);
        using var bench = new Bench(gpu);
        var (qkv, queryNorm, keyNorm) = (bench.Values(Rows * All * D), bench.Values(D), bench.Values(D));
        var rotations = RopeTable.Of(1e4, D, Capacity);
        using var qkvOnDevice = bench.Upload(qkv);
        using var queryNormOnDevice = bench.Upload(queryNorm);
        using var keyNormOnDevice = bench.Upload(keyNorm);
        using var cos = TestMatrix.Upload<float>([.. rotations.Where((_, i) => i % 2 == 0)], bench.Stream);
        using var sin = TestMatrix.Upload<float>([.. rotations.Where((_, i) => i % 2 == 1)], bench.Stream);
        using var queries = DeviceMemory.Allocate(Heads * Rows * D * sizeof(ushort));
        using var keys = bench.Upload(new float[KeyValueHeads * Capacity * D]);
        using var values = bench.Upload(new float[KeyValueHeads * Capacity * D]);
        queries.Fill(0xff, bench.Stream);
        bench.Kernels.SplitHeads(bench.Stream, new HeadSplit
        {
            Qkv = qkvOnDevice.Address,
            QueryNorm = queryNormOnDevice.Address,
            KeyNorm = keyNormOnDevice.Address,
            Cos = cos.Address,
            Sin = sin.Address,
            Queries = queries.Address,
            Keys = keys.Address,
            Values = values.Address,
            Rows = Rows,
            Heads = Heads,
            KeyValueHeads = KeyValueHeads,
            First = First,
            Capacity = Capacity,
            Epsilon = Epsilon,
        });
        var (expectedQueries, expectedKeys, expectedValues) = (
            new float[Heads * Rows * D], new float[KeyValueHeads * Capacity * D], new float[KeyValueHeads * Capacity * D]);
        for (var row = 0; row < Rows; row++)
        {
            for (var head = 0; head < All; head++)
            {
                var source = qkv[(((row * All) + head) * D)..(((row * All) + head + 1) * D)];
                var kv = (head - Heads) % KeyValueHeads;
                var (to, at) = head switch
                {
                    < Heads => (expectedQueries, (head * Rows) + row),
                    < Heads + KeyValueHeads => (expectedKeys, (kv * Capacity) + First + row),
                    _ => (expectedValues, (kv * Capacity) + First + row),
                };
                var result = head < Heads + KeyValueHeads
                    ? Rotated(Normed(source, head < Heads ? queryNorm : keyNorm), rotations, First + row)
                    : source;
                result.CopyTo(to, at * D);
            }
        }

        Close(expectedQueries, bench.Download(queries));
        Close(expectedKeys, bench.Download(keys));
        Close(expectedValues, bench.Download(values));
    }

    [Fact]
    public void The_silu_of_each_gate_is_multiplied_by_its_up_value()
    {
        const int Pairs = 40_008;
        using var bench = new Bench(gpu);
        var x = bench.Values(2 * Pairs);
        using var gateUp = bench.Upload(x);
        using var y = DeviceMemory.Allocate(Pairs * sizeof(ushort));
        y.Fill(0xff, bench.Stream);
        bench.Kernels.SiluUp(bench.Stream, gateUp.Address, y.Address, Pairs);
        Close([.. x.Chunk(2).Select(pair => (float)(pair[0] / (1 + Math.Exp(-pair[0])) * pair[1]))], bench.Download(y));
    }

    private static float[] Normed(float[] row, float[] weight)
    {
        var scale = 1 / Math.Sqrt((row.Sum(value => (double)value * value) / row.Length) + Epsilon);
        return [.. row.Zip(weight, (value, w) => (float)(value * scale * w))];
    }

    private static float[] Rotated(float[] head, float[] rotations, int position)
    {
        var rotated = new float[D];
        for (var j = 0; j < D / 2; j++)
        {
            var (cos, sin) = (rotations[(position * D) + (2 * j)], rotations[(position * D) + (2 * j) + 1]);
            rotated[j] = (head[j] * cos) - (head[j + (D / 2)] * sin);
            rotated[j + (D / 2)] = (head[j + (D / 2)] * cos) + (head[j] * sin);
        }

        return rotated;
    }

    private static void Close(float[] expected, float[] actual) => TensorAssert.CloseToPeak(expected, actual, Tolerance, "values");

    private sealed class Bench : IDisposable
    {
        private readonly Random _random = new(3);

        public Bench(Gpu gpu)
        {
            var device = gpu.Require();
            (Stream, Kernels) = (CudaStream.Create(), new BlockKernels(device, gpu.Kernels));
        }

        public CudaStream Stream { get; }

        public BlockKernels Kernels { get; }

        public float[] Values(int count) => [.. Bf16.Random(_random, count, 2).Select(Bf16.ToFloat)];

        public DeviceMemory Upload(float[] values) =>
            TestMatrix.Upload<ushort>([.. values.Select(value => Bf16.From(value))], Stream);

        public float[] Download(DeviceMemory memory) =>
            [.. CudaCopy.ToHost<ushort>(memory.Address, (int)(memory.Bytes / sizeof(ushort)), Stream).Select(Bf16.ToFloat)];

        public void Dispose()
        {
            Kernels.Dispose();
            Stream.Dispose();
        }
    }
}
