using Yue.Cuda.Decode;
using Yue.Engine.Families.Yue1.Stage1;
using Yue.Engine.Families.Yue1.Stage2;
using Yue.Engine.Llama;
using Yue.Engine.Scheduling;

namespace Yue.Engine.Residency;

/// <summary>What a GPU's memory may be used for.</summary>
/// <param name="FreeBytes">What is free on the device, or the part of it that the settings allow.</param>
/// <param name="Weights">How the language models' matrices are held.</param>
/// <param name="Cache">How keys and values are held.</param>
/// <param name="SongsAtOnce">Songs to plan for; 0 is as many as fit, up to eight.</param>
internal sealed record MemoryLimits(long FreeBytes, WeightType Weights, CacheType Cache, int SongsAtOnce)
{
    public static MemoryLimits Of(Gpu gpu, EngineOptions options) => new(gpu.UsableBytes, gpu.Weights, gpu.Cache, options.SongsAtOnce);
}

/// <summary>How the device's memory is used, decided from the checkpoints' dimensions before anything is loaded.</summary>
/// <remarks>Best is that all language models stay in memory, then that stage 2 and one stage-1 checkpoint do, then that there is room for one
/// at a time: what does not fit is loaded on demand.</remarks>
internal sealed record MemoryPlan
{
    private const int MostSongs = 8;
    private const int MostCpuRows = 32;

    /// <summary>Keys and values that a core of the CPU reads each step, in bytes: of one row of a small model.</summary>
    private const long CpuCoreBytes = 8 << 20;

    /// <summary>CUDA's own, the codec and the vocoders with their activations, prefill activations: measured at 2 to 3 GB, scores not counted.
    /// A clip of a minute takes more while it is encoded, by turns with the scores: with all of a device planned, songs with clips used 1.5 GB
    /// more than others and 1.0 GB less than the plan.</summary>
    private const long WorkingBytes = 5L << 29;

    /// <summary>Bytes that a score of a prefill takes in the kinds that it passes through: with mask and softmax in F32, and as it came.</summary>
    private static int BytesPerScore(WeightType type) => type == WeightType.Float32 ? 12 : 10;

    /// <summary>Stage-2 rows, best first; loading on demand costs less than running a song's chunks four at a time.</summary>
    private static readonly int[][] RowChoices = [[CudaLlama.MostRows, 64, 32, 16, 8], [4, 2]];

    /// <summary>Songs whose stage-1 contexts fit.</summary>
    public required int SongsAtOnce { get; init; }

    /// <summary>Chunks that stage 2 takes at once.</summary>
    public required int Stage2Rows { get; init; }

    /// <summary>What the language models in memory may take together, their caches included.</summary>
    public required long ModelBytes { get; init; }

    /// <summary>All that is planned.</summary>
    public required long Bytes { get; init; }

    private Costs Cost { get; init; } = null!;

    /// <summary>What a stage-1 checkpoint takes in memory.</summary>
    public long Stage1Bytes(LlamaConfig config) => Cost.Stage1(config, SongsAtOnce);

    /// <summary>What the stage-2 checkpoint takes in memory.</summary>
    public long Stage2Bytes(LlamaConfig config) => Cost.Stage2(config, Stage2Rows);

    /// <summary>A GPU's plan: the most models, then the most songs, then the most stage-2 rows that fit.</summary>
    /// <exception cref="NotSupportedException">What is asked for does not fit; the message has the figures and the ways out.</exception>
    public static MemoryPlan For(IReadOnlyCollection<LlamaConfig> stage1, LlamaConfig stage2, MemoryLimits limits)
    {
        var (cost, working) = (Costs.OnGpu(limits), Working(stage1, limits.Weights));
        int[] songChoices = limits.SongsAtOnce > 0 ? [limits.SongsAtOnce] : [.. Enumerable.Range(1, MostSongs).Reverse()];
        var room = limits.FreeBytes - working;
        foreach (var rowChoices in RowChoices)
        {
            for (var stay = Residency.All; stay <= Residency.One; stay++)
            {
                foreach (var (songs, rows) in songChoices.SelectMany(songs => rowChoices.Select(rows => (songs, rows))))
                {
                    if (cost.Needed(stay, stage1, stage2, songs, rows) is var needed && needed <= room)
                    {
                        var models = stay == Residency.All ? needed : room;
                        return new MemoryPlan { SongsAtOnce = songs, Stage2Rows = rows, ModelBytes = models, Bytes = models + working, Cost = cost };
                    }
                }
            }
        }

        throw new NotSupportedException(Refusal(stage1, stage2, limits, songChoices[^1]));
    }

    /// <summary>The CPU's plan: one song, weights in F32; caches grow as songs do and are not counted.</summary>
    /// <exception cref="NotSupportedException">A model does not fit into what the settings allow.</exception>
    public static MemoryPlan ForCpu(IReadOnlyCollection<LlamaConfig> stage1, LlamaConfig stage2, EngineOptions options)
    {
        var rows = CpuRows(stage2);
        var all = Costs.OnCpu.Needed(Residency.All, stage1, stage2, 1, rows);
        var allowed = options.DeviceMemoryMegabytes == 0 ? all : (long)options.DeviceMemoryMegabytes << 20;
        var least = Costs.OnCpu.Needed(Residency.One, stage1, stage2, 1, rows);
        if (least > allowed)
        {
            throw new NotSupportedException(FormattableString.Invariant(
                $"the largest language model takes {least >> 20} MiB of memory and DeviceMemoryMegabytes allows {allowed >> 20}; allow more"));
        }

        var models = Math.Min(all, allowed);
        return new MemoryPlan { SongsAtOnce = 1, Stage2Rows = rows, ModelBytes = models, Bytes = models, Cost = Costs.OnCpu };
    }

    /// <summary>A checkpoint's number of weights.</summary>
    public static long Parameters(LlamaConfig config) => WeightBytes(config, WeightType.BFloat16) / sizeof(ushort);

    /// <summary>Bytes of a checkpoint's weights on a GPU.</summary>
    public static long WeightBytes(LlamaConfig config, WeightType type)
    {
        var (hidden, attention) = ((long)config.HiddenSize, (long)config.Heads * config.HeadSize);
        var kv = (long)config.KeyValueHeads * config.HeadSize;
        var (rows, values) = (attention + (2 * kv) + hidden + (2L * config.IntermediateSize) + hidden,
            (hidden * ((2 * attention) + (2 * kv))) + (3 * hidden * config.IntermediateSize));
        var hasScales = type is not (WeightType.BFloat16 or WeightType.Float32);
        var headRows = config.TieWordEmbeddings && !hasScales ? 0 : (long)config.VocabularySize;
        var (matrixRows, matrixValues) = ((config.Layers * rows) + headRows, (config.Layers * values) + (headRows * hidden));
        var plainValues = (config.VocabularySize * hidden) + (((2L * config.Layers) + 1) * hidden);
        var plainBytes = type == WeightType.Float32 ? sizeof(float) : sizeof(ushort);
        return (plainBytes * plainValues) + (LlamaShape.BytesOf(type) * matrixValues) + (hasScales ? sizeof(float) * matrixRows : 0);
    }

    /// <summary>Stage-2 rows whose keys and values are about what the cores can read each step, or as large as the weights, which every step
    /// reads, too.</summary>
    private static int CpuRows(LlamaConfig config)
    {
        var row = 2L * sizeof(float) * config.Layers * config.KeyValueHeads * config.HeadSize * Stage2Chunks.Positions;
        return (int)Math.Clamp(Math.Max(CpuCoreBytes * CpuWork.Cores, sizeof(float) * Parameters(config)) / row, 1, MostCpuRows);
    }

    private static long Working(IEnumerable<LlamaConfig> stage1, WeightType type) =>
        WorkingBytes + stage1.Max(config => (long)LlamaModel.PrefillChunk * config.MaxPositions * config.Heads * BytesPerScore(type));

    private static string Refusal(IReadOnlyCollection<LlamaConfig> stage1, LlamaConfig stage2, MemoryLimits limits, int songs)
    {
        var rows = RowChoices[^1][^1];
        long Least(IReadOnlyCollection<LlamaConfig> checkpoints, MemoryLimits with) =>
            Costs.OnGpu(with).Needed(Residency.One, checkpoints, stage2, songs, rows) + Working(checkpoints, with.Weights);
        List<string> ways = [];
        if (songs > 1)
        {
            ways.Add("SongsAtOnce=1");
        }

        if (limits.Weights == WeightType.Float32)
        {
            var narrow = limits with { Weights = WeightType.BFloat16, Cache = CacheType.BFloat16 };
            ways.Add($"Weights=bf16 with KeyValueCache=bf16 ({GiB(Least(stage1, narrow))} GiB)");
        }

        if (limits.Weights == WeightType.BFloat16)
        {
            ways.Add($"Weights=int8 or fp8 ({GiB(Least(stage1, limits with { Weights = WeightType.Int8 }))} GiB)");
        }

        if (limits.Cache == CacheType.BFloat16)
        {
            ways.Add($"KeyValueCache=fp8 ({GiB(Least(stage1, limits with { Cache = CacheType.Float8 }))} GiB)");
        }

        const int ShortContext = 8192;
        if (stage1.Any(config => config.MaxPositions > ShortContext))
        {
            LlamaConfig[] shorter = [.. stage1.Select(config => config with { MaxPositions = Math.Min(config.MaxPositions, ShortContext) })];
            ways.Add($"ContextTokens={ShortContext} ({GiB(Least(shorter, limits))} GiB)");
        }

        var weights = stage1.Append(stage2).Max(config => WeightBytes(config, limits.Weights));
        return $"{songs} {(songs == 1 ? "song" : "songs")} at once {(songs == 1 ? "takes" : "take")} {GiB(Least(stage1, limits))} GiB of device memory, one "
            + $"model at a time, and {GiB(limits.FreeBytes)} GiB may be used: the largest model's weights take {GiB(weights)}, its caches "
            + $"{GiB(Least(stage1, limits) - weights - Working(stage1, limits.Weights))}, working memory {GiB(Working(stage1, limits.Weights))}. What would help: "
            + string.Join(", ", [.. ways, "other programs off the device", "Device=cpu"]);
    }

    private static string GiB(long bytes) => FormattableString.Invariant($"{bytes / (double)(1L << 30):F1}");

    /// <summary>Which language models are in memory together.</summary>
    private enum Residency
    {
        All,
        OneCheckpointAndStage2,
        One,
    }

    /// <summary>What models take, weights and caches.</summary>
    private sealed record Costs(Func<LlamaConfig, int, long> Stage1, Func<LlamaConfig, int, long> Stage2)
    {
        public static Costs OnCpu { get; } = new((config, _) => sizeof(float) * Parameters(config), (config, _) => sizeof(float) * Parameters(config));

        public static Costs OnGpu(MemoryLimits limits) => new(
            (config, songs) => WeightBytes(config, limits.Weights) + CudaStage1Decoder.CacheBytes(config, limits.Cache, songs),
            (config, rows) => WeightBytes(config, limits.Weights) + CudaStage2Decoder.CacheBytes(config, limits.Cache, rows));

        public long Needed(Residency stay, IReadOnlyCollection<LlamaConfig> stage1, LlamaConfig stage2, int songs, int rows)
        {
            var (checkpoints, second) = (stage1.Select(config => Stage1(config, songs)), Stage2(stage2, rows));
            return stay switch
            {
                Residency.All => checkpoints.Sum() + second,
                Residency.OneCheckpointAndStage2 => checkpoints.Max() + second,
                _ => Math.Max(checkpoints.Max(), second),
            };
        }
    }
}
