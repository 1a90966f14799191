namespace Yue.Cuda.Decode;

/// <summary>The storage format of matrices. The embedding and the norms are bf16, or float32 if the matrices are float32.</summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Naming", "CA1720", Justification = "These are the formats' names.")]
public enum WeightType
{
    BFloat16,

    /// <summary>Bytes with a sign bit and a seven-bit magnitude, and one float32 scale per row.</summary>
    Int8,

    /// <summary>e4m3 with one float32 scale per row.</summary>
    Float8,

    /// <summary>float32, including activations, for comparison with a reference. Requires <see cref="CacheType.Float32"/>.</summary>
    Float32,

    /// <summary>Codes of six bits in groups, 6.5 bits per weight; see <see cref="GroupedWeights"/>.</summary>
    Int6,

    /// <summary>Codes of four bits in groups, 4.5 bits per weight; see <see cref="GroupedWeights"/>.</summary>
    Int4,
}

/// <summary>The storage format of keys and values.</summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Naming", "CA1720", Justification = "These are the formats' names.")]
public enum CacheType
{
    BFloat16,

    /// <summary>e4m3 with one float32 scale per position and head: 52 % of the bytes of bf16.</summary>
    Float8,

    /// <summary>float32. Requires <see cref="WeightType.Float32"/>.</summary>
    Float32,
}

/// <summary>The shape of a Llama model with a head size of 128.</summary>
public sealed record LlamaShape
{
    public const int HeadSize = 128;

    public required int Layers { get; init; }

    public required int Hidden { get; init; }

    public required int Intermediate { get; init; }

    /// <summary>The number of query heads.</summary>
    public required int Heads { get; init; }

    public required int KeyValueHeads { get; init; }

    public required int Vocabulary { get; init; }

    /// <summary>The maximum number of positions per row.</summary>
    public required int Context { get; init; }

    public double RopeTheta { get; init; } = 10000;

    public float NormEpsilon { get; init; } = 1e-5f;

    /// <summary>True if every query and key head is normalized before it is rotated.</summary>
    public bool NormsQueriesAndKeys { get; init; }

    /// <summary>The number of rows of the fused query, key and value matrix.</summary>
    public int QkvRows => (Heads + (2 * KeyValueHeads)) * HeadSize;

    /// <summary>Returns the memory in bytes of the matrices that one step reads, with the head limited to <paramref name="headRows"/>
    /// rows.</summary>
    public long StepWeightBytes(WeightType type, int headRows)
    {
        var perLayer = ((QkvRows + (2L * Intermediate)) * RowBytes(type, Hidden))
            + (Hidden * (RowBytes(type, (long)Heads * HeadSize) + RowBytes(type, Intermediate)));
        return (Layers * perLayer) + ((long)headRows * HeadTerms(type) * RowBytes(type, Hidden));
    }

    /// <summary>Returns the number of stored rows whose sum is a row of the head.</summary>
    public static int HeadTerms(WeightType type) => GroupedWeights.AppliesTo(type) ? GroupedWeights.HeadTerms : 1;

    /// <summary>Returns the size in bytes of a row of a matrix, not counting a scale that is stored separately.</summary>
    public static long RowBytes(WeightType type, long columns) => type switch
    {
        WeightType.Float32 => sizeof(float) * columns,
        WeightType.BFloat16 => sizeof(ushort) * columns,
        WeightType.Int8 or WeightType.Float8 => columns,
        _ => GroupedWeights.RowBytes(type, columns),
    };

    /// <summary>Throws unless the kernels support this shape.</summary>
    public void Validate()
    {
        Require(Layers > 0 && Vocabulary > 0 && Context > 0, "layers, vocabulary and context must be positive");
        Require(Hidden > 0 && Hidden % 128 == 0, $"hidden size {Hidden} must be a multiple of 128");
        Require(Intermediate > 0 && Intermediate % 128 == 0, $"intermediate size {Intermediate} must be a multiple of 128");
        Require(
            KeyValueHeads > 0 && Heads % KeyValueHeads == 0 && Heads / KeyValueHeads <= 8,
            $"{Heads} query heads must share {KeyValueHeads} key-value heads evenly, with at most 8 per key-value head");
    }

    private static void Require(bool holds, string rule)
    {
        if (!holds)
        {
            throw new NotSupportedException($"the GPU decoder does not support this model: {rule}");
        }
    }
}

/// <summary>
/// Device addresses of one layer's weights, 16-byte aligned, row-major. Nothing is copied or freed: the caller keeps the weights alive.
/// </summary>
/// <remarks>H and K are the numbers of query heads and key-value heads, and D is 128. Scales are float32, one per matrix row, for 8-bit
/// weights; otherwise 0. Int6 and int4 rows have the format of <see cref="GroupedWeights"/>.</remarks>
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

    /// <summary>The weights of the query heads' norm, [128]; 0 if query heads are not normalized.</summary>
    public nint QueryNorm { get; init; }

    /// <summary>The weights of the key heads' norm, [128]; 0 if key heads are not normalized.</summary>
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

    /// <summary>A row per id from <see cref="FirstHeadId"/> on; with int6 and int4, <see cref="LlamaShape.HeadTerms"/> stored rows per
    /// id.</summary>
    public required nint Head { get; init; }

    public nint HeadScale { get; init; }

    /// <summary>The id of the first row of the head. The head need not have rows for all ids.</summary>
    public int FirstHeadId { get; init; }

    public required nint FinalNorm { get; init; }

    public required IReadOnlyList<LayerWeights> Layers { get; init; }
}
