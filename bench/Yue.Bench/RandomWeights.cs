using Yue.Cuda;
using Yue.Cuda.Compilation;
using Yue.Cuda.Decode;

namespace Yue.Bench;

/// <summary>A full-size model with random weights in device memory.</summary>
internal sealed class RandomWeights : IDisposable
{
    private readonly List<DeviceMemory> _owned = [];

    public RandomWeights(CudaDevice device, KernelCache kernels, LlamaShape shape, WeightType type, CudaStream stream)
    {
        using var bench = new BenchKernels(device, kernels);
        using var quantizer = new WeightQuantizer(device, kernels);
        nint Matrix(long rows, long columns, int terms = 1)
        {
            var memory = DeviceMemory.Allocate(rows * terms * LlamaShape.RowBytes(type, columns));
            _owned.Add(memory);
            var (seed, scale) = ((uint)_owned.Count, 1.7f / MathF.Sqrt(columns));
            if (GroupedWeights.AppliesTo(type))
            {
                using var plain = DeviceMemory.Allocate(rows * columns * sizeof(ushort));
                bench.Fill(stream, plain.Address, plain.Bytes, seed, scale, WeightType.BFloat16);
                quantizer.QuantizeGroups(stream, plain.Address, memory.Address, type, (int)rows, (int)columns, terms);
                quantizer.ThrowIfNotFinite(stream, "random weights");
            }
            else
            {
                bench.Fill(stream, memory.Address, memory.Bytes, seed, scale, type);
            }

            return memory.Address;
        }

        nint Values(long count, float value)
        {
            var memory = DeviceMemory.Allocate(count * sizeof(float));
            _owned.Add(memory);
            bench.FillValue(stream, memory.Address, count, value);
            return memory.Address;
        }

        nint Scale(long rows, long columns) =>
            type is WeightType.Int8 or WeightType.Float8 ? Values(rows, 1 / MathF.Sqrt(columns) / (type == WeightType.Int8 ? 70 : 8)) : 0;

        // Each float consists of two bf16 values of 1 (0x3f80).
        nint Norm(int size) => Values(size / 2, BitConverter.UInt32BitsToSingle(0x3f803f80));
        nint HeadNorm() => shape.NormsQueriesAndKeys ? Norm(LlamaShape.HeadSize) : 0;
        var layers = new List<LayerWeights>();
        var attention = (long)shape.Heads * LlamaShape.HeadSize;
        for (var i = 0; i < shape.Layers; i++)
        {
            layers.Add(new LayerWeights
            {
                Qkv = Matrix(shape.QkvRows, shape.Hidden),
                Output = Matrix(shape.Hidden, attention),
                GateUp = Matrix(2L * shape.Intermediate, shape.Hidden),
                Down = Matrix(shape.Hidden, shape.Intermediate),
                AttentionNorm = Norm(shape.Hidden),
                MlpNorm = Norm(shape.Hidden),
                QueryNorm = HeadNorm(),
                KeyNorm = HeadNorm(),
                QkvScale = Scale(shape.QkvRows, shape.Hidden),
                OutputScale = Scale(shape.Hidden, attention),
                GateUpScale = Scale(2L * shape.Intermediate, shape.Hidden),
                DownScale = Scale(shape.Hidden, shape.Intermediate),
            });
        }

        var embedding = DeviceMemory.Allocate((long)shape.Vocabulary * shape.Hidden * 2);
        _owned.Add(embedding);
        bench.Fill(stream, embedding.Address, embedding.Bytes, 99, 1, WeightType.BFloat16);
        Weights = new LlamaWeights
        {
            Type = type,
            Embedding = embedding.Address,
            Head = Matrix(shape.Vocabulary, shape.Hidden, LlamaShape.HeadTerms(type)),
            HeadScale = Scale(shape.Vocabulary, shape.Hidden),
            FinalNorm = Norm(shape.Hidden),
            Layers = layers,
        };
        stream.Synchronize();
    }

    public LlamaWeights Weights { get; }

    public void Dispose() => _owned.ForEach(memory => memory.Dispose());
}
