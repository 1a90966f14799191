namespace Yue.Cuda.Decode;

/// <summary>How matrices are stored. The embedding and the norms are bf16, or float32 where these are.</summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Naming", "CA1720", Justification = "These are the formats' names.")]
public enum WeightType
{
    BFloat16,

    /// <summary>Bytes of a sign bit and seven bits of size, with one float32 scale a row.</summary>
    Int8,

    /// <summary>e4m3 with one float32 scale a row.</summary>
    Float8,

    /// <summary>float32, activations too: for comparing with a reference. Goes with <see cref="CacheType.Float32"/>.</summary>
    Float32,
}

/// <summary>How keys and values are stored.</summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Naming", "CA1720", Justification = "These are the formats' names.")]
public enum CacheType
{
    BFloat16,

    /// <summary>e4m3 with one float32 scale a position and head: half the bytes and 3 %.</summary>
    Float8,

    /// <summary>float32. Goes with <see cref="WeightType.Float32"/>.</summary>
    Float32,
}

/// <summary>The shape of a Llama model with heads of 128.</summary>
public sealed record LlamaShape
{
    public const int HeadSize = 128;

    public required int Layers { get; init; }

    public required int Hidden { get; init; }

    public required int Intermediate { get; init; }

    /// <summary>Query heads.</summary>
    public required int Heads { get; init; }

    public required int KeyValueHeads { get; init; }

    public required int Vocabulary { get; init; }

    /// <summary>The most positions of a row.</summary>
    public required int Context { get; init; }

    public double RopeTheta { get; init; } = 10000;

    public float NormEpsilon { get; init; } = 1e-5f;

    /// <summary>True if every query and key head is normed before it is rotated.</summary>
    public bool NormsQueriesAndKeys { get; init; }

    /// <summary>Rows of the joined query, key and value matrix.</summary>
    public int QkvRows => (Heads + (2 * KeyValueHeads)) * HeadSize;

    /// <summary>Bytes that the matrices of one step take in memory, the head cut to <paramref name="headRows"/> rows.</summary>
    public long StepWeightBytes(WeightType type, int headRows)
    {
        var perLayer = ((long)QkvRows * Hidden) + ((long)Hidden * Heads * HeadSize) + (3L * Hidden * Intermediate);
        return ((Layers * perLayer) + ((long)headRows * Hidden)) * BytesOf(type);
    }

    /// <summary>Bytes of a matrix's value.</summary>
    public static int BytesOf(WeightType type) => type switch
    {
        WeightType.Float32 => sizeof(float),
        WeightType.BFloat16 => sizeof(ushort),
        _ => sizeof(byte),
    };

    /// <summary>Throws unless the kernels can take this shape.</summary>
    public void Validate()
    {
        Require(Layers > 0 && Vocabulary > 0 && Context > 0, "layers, vocabulary and context are positive");
        Require(Hidden > 0 && Hidden % 128 == 0, $"hidden {Hidden} is a multiple of 128");
        Require(Intermediate > 0 && Intermediate % 128 == 0, $"intermediate {Intermediate} is a multiple of 128");
        Require(
            KeyValueHeads > 0 && Heads % KeyValueHeads == 0 && Heads / KeyValueHeads <= 8,
            $"{Heads} heads share {KeyValueHeads} key-value heads, at most 8 each");
    }

    private static void Require(bool holds, string rule)
    {
        if (!holds)
        {
            throw new NotSupportedException($"the GPU decoder needs that {rule}");
        }
    }
}

/// <summary>
/// Device addresses of one layer's weights, 16-byte aligned, row-major. Nothing is copied or freed: the caller keeps them alive.
/// </summary>
/// <remarks>Scales are float32, one a matrix row, for 8-bit weights, else 0.</remarks>
public readonly record struct LayerWeights
{
    /// <summary>Query rows, then key rows, then value rows: [(H + 2K)·D, hidden].</summary>
    public required nint Qkv { get; init; }

    /// <summary>[hidden, H·D].</summary>
    public required nint Output { get; init; }

    /// <summary>Row 2i is gate row i and row 2i + 1 is up row i: [2·intermediate, hidden].</summary>
    public required nint GateUp { get; init; }

    /// <summary>[hidden, intermediate].</summary>
    public required nint Down { get; init; }

    public required nint AttentionNorm { get; init; }

    public required nint MlpNorm { get; init; }

    /// <summary>[128], the weights of the query heads' norm; 0 if they are not normed.</summary>
    public nint QueryNorm { get; init; }

    /// <summary>[128], the weights of the key heads' norm; 0 if they are not normed.</summary>
    public nint KeyNorm { get; init; }

    public nint QkvScale { get; init; }

    public nint OutputScale { get; init; }

    public nint GateUpScale { get; init; }

    public nint DownScale { get; init; }
}

/// <summary>Device addresses of a model's weights; see <see cref="LayerWeights"/>.</summary>
public sealed record LlamaWeights
{
    public required WeightType Type { get; init; }

    /// <summary>[vocabulary, hidden].</summary>
    public required nint Embedding { get; init; }

    /// <summary>[vocabulary, hidden].</summary>
    public required nint Head { get; init; }

    public nint HeadScale { get; init; }

    public required nint FinalNorm { get; init; }

    public required IReadOnlyList<LayerWeights> Layers { get; init; }
}
