using Yue.Engine.Families.Yue1.Stage1;
using Yue.Engine.Families.Yue1.Stage2;
using Yue.Engine.Llama;
using Yue.Engine.Residency;

namespace Yue.Engine.Families.Yue1;

/// <summary>The memory costs of YuE 1.</summary>
internal sealed class Yue1Costs : IFamilyCosts
{
    private const int MaxCpuRows = 32;

    /// <summary>The number of bytes of keys and values that one CPU core can read in each step: those of one row of a small
    /// model.</summary>
    private const long CpuCoreBytes = 8 << 20;

    /// <summary>The working memory without attention scores: CUDA itself, the codec and the vocoders with their activations, and prompt
    /// activations, measured at 2 to 3 GB. Encoding a one-minute reference clip takes more, but not at the same time as the scores. On a
    /// device whose memory was fully planned, songs with clips used 1.5 GB more than songs without clips, and the total was still 1.0 GB
    /// below the plan.</summary>
    private const long FixedWorkingBytes = 5L << 29;

    /// <summary>The working memory without the codec and the vocoders: CUDA itself takes about half of it, and the rest is for one matrix
    /// that is converted to bf16 for a prompt (0.2 GB), activations, workspaces and libraries.</summary>
    private const long LanguageWorkingBytes = 9L << 27;

    private readonly LlamaConfig[] _stage1;

    /// <summary>Computes the costs of checkpoints from their dimensions.</summary>
    public Yue1Costs(IEnumerable<LlamaConfig> stage1, LlamaConfig stage2)
    {
        _stage1 = [.. stage1];
        Stage1 = [.. _stage1.Select(config => new Stage1Costs(config))];
        Stage2 = new Stage2Costs(stage2);
        Songs = [.. Stage1.Select(model => (IModelCosts[])[model, Stage2])];
    }

    /// <summary>The costs of each stage-1 checkpoint, in order.</summary>
    public IReadOnlyList<IModelCosts> Stage1 { get; }

    /// <summary>The costs of the stage-2 checkpoint.</summary>
    public IModelCosts Stage2 { get; }

    public IReadOnlyList<IReadOnlyList<IModelCosts>> Songs { get; }

    public long WorkingBytes(MemoryLimits limits) =>
        (limits.Host == HostShare.EmbeddingsAndSound ? LanguageWorkingBytes : FixedWorkingBytes)
        + _stage1.Max(config => LlamaMemory.PrefillScoreBytes(Shortened(config, limits)));

    /// <summary>Returns the number of stage-2 rows to use on the CPU. Their keys and values together take about as many bytes as the cores
    /// can read in each step, or as many as the weights if that is more, because every step also reads the weights.</summary>
    public static int CpuRows(LlamaConfig stage2)
    {
        var row = 2L * sizeof(float) * stage2.Layers * stage2.KeyValueHeads * stage2.HeadSize * Stage2Chunks.Positions;
        return (int)Math.Clamp(
            Math.Max(CpuCoreBytes * CpuWork.Cores, sizeof(float) * stage2.Parameters) / row, 1, MaxCpuRows);
    }

    private static LlamaConfig Shortened(LlamaConfig config, MemoryLimits limits) =>
        limits.ContextTokens > 0 ? config with { MaxPositions = Math.Min(config.MaxPositions, limits.ContextTokens) } : config;

    private sealed class Stage1Costs(LlamaConfig config) : IModelCosts
    {
        public long Parameters => config.Parameters;

        public long WeightBytes(MemoryLimits limits) => LlamaMemory.WeightBytes(
            config, config.TypeOnGpu(limits.Weights), new DeviceParts { HasEmbedding = limits.Host == HostShare.Nothing });

        public long CacheBytes(MemoryLimits limits, Capacity capacity) =>
            CudaStage1Decoder.CacheBytes(Shortened(config, limits), limits.Cache, capacity.Songs);
    }

    private sealed class Stage2Costs(LlamaConfig config) : IModelCosts
    {
        public long Parameters => config.Parameters;

        public long WeightBytes(MemoryLimits limits) => LlamaMemory.WeightBytes(
            config,
            config.TypeOnGpu(limits.Weights),
            new DeviceParts { ScoredIds = CudaStage2Decoder.ScoredIds, HasEmbedding = limits.Host == HostShare.Nothing });

        public long CacheBytes(MemoryLimits limits, Capacity capacity) => CudaStage2Decoder.CacheBytes(config, limits.Cache, capacity.Rows);
    }
}
