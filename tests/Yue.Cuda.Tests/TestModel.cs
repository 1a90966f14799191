using Yue.Cuda.Decode;

namespace Yue.Cuda.Tests;

/// <summary>A random matrix on the host and the device. If it is quantized, the host has the exact values of its codes and
/// scales.</summary>
internal sealed class TestMatrix : IDisposable
{
    private readonly DeviceMemory _device;
    private readonly DeviceMemory? _scale;

    public TestMatrix(Random random, int rows, int columns, WeightType type, CudaStream stream, int terms = 1)
    {
        (Rows, Columns) = (rows, columns);
        Values = new float[(long)rows * columns];
        var spread = 1.0 / Math.Sqrt(columns);
        if (type == WeightType.Float32)
        {
            for (var i = 0; i < Values.Length; i++)
            {
                Values[i] = (float)(((random.NextDouble() * 2) - 1) * spread * 1.7);
            }

            _device = Upload<float>(Values, stream);
            return;
        }

        if (type == WeightType.BFloat16)
        {
            var raw = Bf16.Random(random, Values.Length, spread * 1.7);
            for (var i = 0; i < raw.Length; i++)
            {
                Values[i] = Bf16.ToFloat(raw[i]);
            }

            _device = Upload<ushort>(raw, stream);
            return;
        }

        if (GroupedWeights.AppliesTo(type))
        {
            _device = Upload<byte>(RandomGroups(random, type, terms, spread), stream);
            return;
        }

        var bytes = new byte[Values.Length];
        var scales = new float[rows];
        random.NextBytes(bytes);
        for (var row = 0; row < rows; row++)
        {
            scales[row] = (float)(spread * (0.5 + random.NextDouble()) / (type == WeightType.Int8 ? 70 : 8));
            for (var i = 0; i < columns; i++)
            {
                ref var raw = ref bytes[((long)row * columns) + i];
                raw = type == WeightType.Float8 && (raw & 0x7f) >= 0x5f ? (byte)(raw & 0xdf & 0xd7) : raw;
                Values[((long)row * columns) + i] = (type == WeightType.Int8 ? Int8(raw) : E4M3.ToFloat(raw)) * scales[row];
            }
        }

        _device = Upload<byte>(bytes, stream);
        _scale = Upload<float>(scales, stream);
    }

    public int Rows { get; }

    public int Columns { get; }

    public float[] Values { get; }

    public nint Address => _device.Address;

    public nint Scale => _scale?.Address ?? 0;

    public static DeviceMemory Upload<T>(ReadOnlySpan<T> values, CudaStream stream)
        where T : unmanaged
    {
        var memory = DeviceMemory.Allocate(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values).Length);
        CudaCopy.ToDevice(memory.Address, values, stream);
        stream.Synchronize();
        return memory;
    }

    /// <summary>Decodes a sign bit and seven bits of magnitude.</summary>
    public static float Int8(byte raw) => (raw & 0x80) != 0 ? -(float)(raw & 0x7f) : raw;

    public void Dispose()
    {
        _device.Dispose();
        _scale?.Dispose();
    }

    /// <summary>Sets each value to a sum of terms with random codes, where each term is much smaller than the one before. Returns the
    /// packed rows.</summary>
    private byte[] RandomGroups(Random random, WeightType type, int terms, double spread)
    {
        var rowBytes = (int)GroupedWeights.RowBytes(type, Columns);
        var bytes = new byte[Rows * terms * rowBytes];
        var (codes, scales, values) = (new byte[Columns], new ushort[Columns / GroupedWeights.GroupSize], new float[Columns]);
        for (var row = 0; row < Rows; row++)
        {
            for (var term = 0; term < terms; term++)
            {
                var top = spread * (0.5 + random.NextDouble()) * 2 / GroupedWeights.Levels(type) * Math.Pow(0.1, term);
                random.NextBytes(codes);
                for (var i = 0; i < Columns; i++)
                {
                    codes[i] %= (byte)GroupedWeights.Levels(type);
                }

                for (var i = 0; i < scales.Length; i++)
                {
                    scales[i] = GroupedWeights.ScaleOf(type, (float)(top * (0.5 + random.NextDouble())), random.Next(6, 10));
                }

                var stored = bytes.AsSpan(((row * terms) + term) * rowBytes, rowBytes);
                GroupedWeights.Pack(type, codes, scales, stored);
                GroupedWeights.Unpack(type, stored, values);
                for (var i = 0; i < Columns; i++)
                {
                    Values[((long)row * Columns) + i] += values[i];
                }
            }
        }

        return bytes;
    }
}

/// <summary>One layer of a <see cref="TestModel"/>. The query and key norms are empty if the model has none.</summary>
internal sealed record TestLayer(
    TestMatrix Qkv, TestMatrix Output, TestMatrix GateUp, TestMatrix Down, float[] AttentionNorm, float[] MlpNorm, float[] QueryNorm,
    float[] KeyNorm);

/// <summary>A model with random weights on the host and the device.</summary>
internal sealed class TestModel : IDisposable
{
    private readonly List<IDisposable> _owned = [];

    public TestModel(LlamaShape shape, WeightType type, int seed, CudaStream stream)
    {
        Shape = shape;
        var random = new Random(seed);
        TestMatrix Matrix(int rows, int columns, int terms = 1)
        {
            var matrix = new TestMatrix(random, rows, columns, type, stream, terms);
            _owned.Add(matrix);
            return matrix;
        }

        (float[] Values, nint Address) Vector(long count, double low, double high)
        {
            var raw = new ushort[count];
            var values = new float[count];
            for (var i = 0; i < raw.Length; i++)
            {
                raw[i] = Bf16.From(low + (random.NextDouble() * (high - low)));
                values[i] = Bf16.ToFloat(raw[i]);
            }

            var memory = type == WeightType.Float32 ? TestMatrix.Upload<float>(values, stream) : TestMatrix.Upload<ushort>(raw, stream);
            _owned.Add(memory);
            return (values, memory.Address);
        }

        (Embedding, var embedding) = Vector((long)shape.Vocabulary * shape.Hidden, -1, 1);
        var weights = new List<LayerWeights>();
        for (var i = 0; i < shape.Layers; i++)
        {
            var (attentionNorm, attentionNormAddress) = Vector(shape.Hidden, 0.5, 1.5);
            var (mlpNorm, mlpNormAddress) = Vector(shape.Hidden, 0.5, 1.5);
            var headNorm = shape.NormsQueriesAndKeys ? LlamaShape.HeadSize : 0;
            var (queryNorm, queryNormAddress) = headNorm > 0 ? Vector(headNorm, 0.5, 1.5) : ([], 0);
            var (keyNorm, keyNormAddress) = headNorm > 0 ? Vector(headNorm, 0.5, 1.5) : ([], 0);
            var layer = new TestLayer(
                Matrix(shape.QkvRows, shape.Hidden),
                Matrix(shape.Hidden, shape.Heads * LlamaShape.HeadSize),
                Matrix(2 * shape.Intermediate, shape.Hidden),
                Matrix(shape.Hidden, shape.Intermediate),
                attentionNorm,
                mlpNorm,
                queryNorm,
                keyNorm);
            Layers.Add(layer);
            weights.Add(new LayerWeights
            {
                Qkv = layer.Qkv.Address,
                Output = layer.Output.Address,
                GateUp = layer.GateUp.Address,
                Down = layer.Down.Address,
                AttentionNorm = attentionNormAddress,
                MlpNorm = mlpNormAddress,
                QueryNorm = queryNormAddress,
                KeyNorm = keyNormAddress,
                QkvScale = layer.Qkv.Scale,
                OutputScale = layer.Output.Scale,
                GateUpScale = layer.GateUp.Scale,
                DownScale = layer.Down.Scale,
            });
        }

        (FinalNorm, var finalNorm) = Vector(shape.Hidden, 0.5, 1.5);
        Head = Matrix(shape.Vocabulary, shape.Hidden, LlamaShape.HeadTerms(type));
        Weights = new LlamaWeights
        {
            Type = type,
            Embedding = embedding,
            Head = Head.Address,
            HeadScale = Head.Scale,
            FinalNorm = finalNorm,
            Layers = weights,
        };
    }

    public LlamaShape Shape { get; }

    public LlamaWeights Weights { get; }

    public float[] Embedding { get; }

    public List<TestLayer> Layers { get; } = [];

    public float[] FinalNorm { get; }

    public TestMatrix Head { get; }

    public void Dispose() => _owned.ForEach(item => item.Dispose());
}
