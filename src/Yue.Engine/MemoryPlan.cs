using Yue.Cuda.Decode;
using Yue.Engine.Llama;
using Yue.Engine.Stage1;
using Yue.Engine.Stage2;

namespace Yue.Engine;

/// <summary>What a GPU's memory may be used for.</summary>
/// <param name="FreeBytes">What is free on the device, or the part of it that the settings allow.</param>
/// <param name="Weights">How the language models' matrices are held.</param>
/// <param name="SongsAtOnce">Songs to plan for; 0 is as many as fit, up to eight.</param>
internal sealed record MemoryLimits(long FreeBytes, WeightType Weights, int SongsAtOnce);

/// <summary>How a GPU's memory is used, decided from the checkpoints' dimensions before anything is loaded.</summary>
/// <param name="SongsAtOnce">Songs whose stage-1 contexts fit.</param>
/// <param name="Stage2Rows">Chunks that stage 2 takes at once.</param>
/// <param name="Bytes">All that is planned.</param>
internal sealed record MemoryPlan(int SongsAtOnce, int Stage2Rows, long Bytes)
{
    private const int MostSongs = 8;

    /// <summary>CUDA's own, the codec and the vocoders with their activations, prefill activations: measured at 2 to 3 GB, scores not counted.</summary>
    private const long WorkingBytes = 5L << 29;

    /// <summary>Bytes that a score of a prefill takes in the kinds that it passes through.</summary>
    private const int BytesPerScore = 10;

    private static readonly int[] RowChoices = [64, 32, 16, 8, 4, 2];

    /// <summary>The most songs, then the most stage-2 rows, that fit.</summary>
    /// <exception cref="NotSupportedException">What is asked for does not fit; the message has the figures and the ways out.</exception>
    public static MemoryPlan For(IReadOnlyCollection<LlamaConfig> stage1, LlamaConfig stage2, MemoryLimits limits)
    {
        int[] songChoices = limits.SongsAtOnce > 0 ? [limits.SongsAtOnce] : [.. Enumerable.Range(1, MostSongs).Reverse()];
        foreach (var songs in songChoices)
        {
            foreach (var rows in RowChoices)
            {
                var plan = new MemoryPlan(songs, rows, Total(stage1, stage2, limits.Weights, songs, rows));
                if (plan.Bytes <= limits.FreeBytes)
                {
                    return plan;
                }
            }
        }

        throw new NotSupportedException(Refusal(stage1, stage2, limits, songChoices[^1]));
    }

    /// <summary>Bytes of a checkpoint's weights.</summary>
    public static long WeightBytes(LlamaConfig config, WeightType type)
    {
        var (hidden, attention) = ((long)config.HiddenSize, (long)config.Heads * config.HeadSize);
        var kv = (long)config.KeyValueHeads * config.HeadSize;
        var (rows, values) = (attention + (2 * kv) + hidden + (2L * config.IntermediateSize) + hidden,
            (hidden * ((2 * attention) + (2 * kv))) + (3 * hidden * config.IntermediateSize));
        var headRows = config.TieWordEmbeddings && type == WeightType.BFloat16 ? 0 : (long)config.VocabularySize;
        var (matrixRows, matrixValues) = ((config.Layers * rows) + headRows, (config.Layers * values) + (headRows * hidden));
        var plain = 2 * ((config.VocabularySize * hidden) + (((2L * config.Layers) + 1) * hidden));
        return plain + (type == WeightType.BFloat16 ? 2 * matrixValues : matrixValues + (sizeof(float) * matrixRows));
    }

    private static long Total(IReadOnlyCollection<LlamaConfig> stage1, LlamaConfig stage2, WeightType type, int songs, int rows) =>
        stage1.Sum(config => WeightBytes(config, type)) + WeightBytes(stage2, type) + CacheBytes(stage1, stage2, songs, rows) + Working(stage1);

    /// <summary>The pages of all rows, and a dense cache of one row a model for its prefill.</summary>
    private static long CacheBytes(IReadOnlyCollection<LlamaConfig> stage1, LlamaConfig stage2, int songs, int rows) =>
        stage1.Sum(config => CudaDecoderModel.CacheBytes(config, CudaStage1Decoder.PositionsFor(config, songs) + config.MaxPositions))
        + CudaDecoderModel.CacheBytes(stage2, (rows + 1L) * Stage2Chunks.Positions);

    private static long Working(IEnumerable<LlamaConfig> stage1) =>
        WorkingBytes + stage1.Max(config => (long)LlamaModel.PrefillChunk * config.MaxPositions * config.Heads * BytesPerScore);

    private static string Refusal(IReadOnlyCollection<LlamaConfig> stage1, LlamaConfig stage2, MemoryLimits limits, int songs)
    {
        var rows = RowChoices[^1];
        var weights = stage1.Sum(config => WeightBytes(config, limits.Weights)) + WeightBytes(stage2, limits.Weights);
        List<string> ways = [];
        if (songs > 1)
        {
            ways.Add("SongsAtOnce=1");
        }

        if (limits.Weights == WeightType.BFloat16)
        {
            ways.Add($"Weights=int8 or fp8 ({GiB(Total(stage1, stage2, WeightType.Int8, songs, rows))} GiB)");
        }

        const int ShortContext = 8192;
        if (stage1.Any(config => config.MaxPositions > ShortContext))
        {
            LlamaConfig[] shorter = [.. stage1.Select(config => config with { MaxPositions = Math.Min(config.MaxPositions, ShortContext) })];
            ways.Add($"ContextTokens={ShortContext} ({GiB(Total(shorter, stage2, limits.Weights, songs, rows))} GiB)");
        }

        if (stage1.Count > 1)
        {
            ways.Add("fewer stage-1 checkpoints");
        }

        return $"{songs} {(songs == 1 ? "song" : "songs")} at once {(songs == 1 ? "takes" : "take")} {GiB(Total(stage1, stage2, limits.Weights, songs, rows))} GiB "
            + $"of device memory and {GiB(limits.FreeBytes)} GiB may be used: weights {GiB(weights)}, caches {GiB(CacheBytes(stage1, stage2, songs, rows))}, "
            + $"working memory {GiB(Working(stage1))}. What would help: {string.Join(", ", [.. ways, "other programs off the device", "Device=cpu"])}";
    }

    private static string GiB(long bytes) => FormattableString.Invariant($"{bytes / (double)(1L << 30):F1}");
}
