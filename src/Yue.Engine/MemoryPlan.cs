using Yue.Engine.Llama;
using Yue.Engine.Stage1;
using Yue.Engine.Stage2;

namespace Yue.Engine;

/// <summary>What a GPU's memory is used for, decided from the checkpoints' dimensions before anything is loaded.</summary>
/// <param name="SongsAtOnce">Songs whose stage-1 contexts fit.</param>
/// <param name="Stage2Rows">Chunks that stage 2 takes at once.</param>
/// <param name="Bytes">All that is planned.</param>
internal sealed record MemoryPlan(int SongsAtOnce, int Stage2Rows, long Bytes)
{
    private const int MostSongs = 8;
    private const int MostStage2Rows = 32;
    private const int FewestStage2Rows = 2;

    /// <summary>Codec and vocoders with their activations, attention scores of a prefill, CUDA's own: measured with room to spare.</summary>
    private const long WorkingBytes = 6L << 30;

    /// <summary>The most songs, then the most stage-2 rows, that fit into a device's free memory.</summary>
    /// <exception cref="NotSupportedException">One song does not fit; the message has the figures and the ways out.</exception>
    public static MemoryPlan For(IReadOnlyCollection<LlamaConfig> stage1, LlamaConfig stage2, long freeBytes)
    {
        foreach (var songs in Enumerable.Range(1, MostSongs).Reverse())
        {
            foreach (var rows in (int[])[MostStage2Rows, MostStage2Rows / 2, MostStage2Rows / 4, FewestStage2Rows])
            {
                var plan = new MemoryPlan(songs, rows, Total(stage1, stage2, songs, rows));
                if (plan.Bytes <= freeBytes)
                {
                    return plan;
                }
            }
        }

        var least = Total(stage1, stage2, 1, FewestStage2Rows);
        throw new NotSupportedException(
            $"one song at a time takes {GiB(least)} GiB of device memory and {GiB(freeBytes)} GiB are free: weights "
            + $"{GiB(stage1.Sum(WeightBytes) + WeightBytes(stage2))}, caches {GiB(least - stage1.Sum(WeightBytes) - WeightBytes(stage2) - WorkingBytes)}, "
            + $"working memory {GiB(WorkingBytes)}. Configure fewer stage-1 checkpoints, free the device, or run with Device=cpu");
    }

    /// <summary>Bytes of a checkpoint's weights in BF16.</summary>
    public static long WeightBytes(LlamaConfig config)
    {
        var (hidden, kv) = ((long)config.HiddenSize, (long)config.KeyValueHeads * config.HeadSize);
        var attention = hidden * ((2L * config.Heads * config.HeadSize) + (2 * kv));
        var block = attention + (3L * hidden * config.IntermediateSize) + (2 * hidden);
        var ends = (config.TieWordEmbeddings ? 1 : 2) * (long)config.VocabularySize * hidden;
        return 2 * ((config.Layers * block) + ends + hidden);
    }

    private static long Total(IReadOnlyCollection<LlamaConfig> stage1, LlamaConfig stage2, int songs, int rows)
    {
        var first = stage1.Sum(config => WeightBytes(config)
            + CudaDecoderModel.CacheBytes(config, CudaStage1Decoder.PositionsFor(config, songs) + config.MaxPositions));
        var second = WeightBytes(stage2) + CudaDecoderModel.CacheBytes(stage2, (rows + 1L) * Stage2Chunks.Positions);
        return first + second + WorkingBytes;
    }

    private static string GiB(long bytes) => FormattableString.Invariant($"{bytes / (double)(1L << 30):F1}");
}
