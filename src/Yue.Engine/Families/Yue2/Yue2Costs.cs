using Yue.Cuda.Decode;
using Yue.Engine.Families.Yue2.Backbone;
using Yue.Engine.Families.Yue2.Stages;
using Yue.Engine.Families.Yue2.Vae;
using Yue.Engine.Llama;
using Yue.Engine.Residency;

namespace Yue.Engine.Families.Yue2;

/// <summary>The memory that YuE 2 needs.</summary>
internal sealed class Yue2Costs : IFamilyCosts
{
    /// <summary>The working memory without the sound decoder: CUDA itself, its libraries with their workspaces, prompt activations without
    /// attention scores, and memory that libtorch caches. On an H200, songs of three minutes used 4.57 GB in addition to the model and
    /// its caches. The sound decoder's weights and a tile of sound take 1.82 GB of that, regardless of the context. This constant covers
    /// the rest.</summary>
    private const long FixedWorkingBytes = 21L << 27;

    /// <summary>The maximum number of tensors as large as the decoder's largest activation that are in memory at the same time.</summary>
    private const int VaeTensors = 3;

    /// <summary>The size of a block's activations in float32 without the fused kernels, as a multiple of their size in
    /// bfloat16.</summary>
    private const int PlainBlockFactor = 4;

    private readonly Yue2Config[] _configs;
    private readonly VaeConfig _vae;

    /// <summary>Computes the costs of checkpoints from their dimensions.</summary>
    /// <param name="configs">The checkpoints.</param>
    /// <param name="vae">The sound decoder.</param>
    public Yue2Costs(IEnumerable<Yue2Config> configs, VaeConfig vae)
    {
        (_configs, _vae) = ([.. configs], vae);
        Models = [.. _configs.Select(config => new CheckpointCosts(config))];
        Songs = [.. Models.Select(model => (IModelCosts[])[model])];
    }

    /// <summary>The costs of each checkpoint, in order.</summary>
    public IReadOnlyList<IModelCosts> Models { get; }

    public IReadOnlyList<IReadOnlyList<IModelCosts>> Songs { get; }

    /// <summary>Prompts are read, velocities are evaluated and sound is decoded at different times, so only the activity that needs the
    /// most memory counts.</summary>
    public long WorkingBytes(MemoryLimits limits) => FixedWorkingBytes + (sizeof(float) * _vae.Parameters) + Math.Max(
        VaeTileBytes,
        _configs.Select(config => Shortened(config, limits).Language).Max(config => Math.Max(
            LlamaMemory.PrefillScoreBytes(config), VelocityBytes(config, limits.Weights))));

    private long VaeTileBytes
    {
        get
        {
            const long Frames = VaeTiles.DefaultCoreFrames + (2 * VaeTiles.DefaultHaloFrames);
            return VaeTensors * sizeof(float) * Frames * _vae.FrameSamples * _vae.Channels[^1];
        }
    }

    /// <summary>Returns the bytes that one velocity's activations take. A chunk's frames take at most half of the context.</summary>
    private static long VelocityBytes(LlamaConfig config, WeightType weights)
    {
        long hidden = config.HiddenSize, inner = config.IntermediateSize;
        long queries = config.Heads * config.HeadSize, keys = config.KeyValueHeads * config.HeadSize;

        // In addition to the blocks, there are four float32 tensors. A block has a tensor for each of its results, with gate and up in one
        // tensor.
        var outside = 4 * sizeof(float) * hidden;
        var block = sizeof(ushort) * ((4 * hidden) + (4 * queries) + (2 * keys) + (3 * inner));
        return config.MaxPositions / 2 * (outside + (weights == WeightType.Float32 ? PlainBlockFactor * block : block));
    }

    /// <summary>Returns the dimensions with the context reduced to a limit.</summary>
    private static Yue2Config Shortened(Yue2Config config, MemoryLimits limits) => config.WithContext(limits.ContextTokens);

    /// <summary>The costs of one checkpoint: the weights of the language model and of flow matching, and the stage decoder.</summary>
    private sealed class CheckpointCosts(Yue2Config config) : IModelCosts
    {
        public long Parameters => config.Language.Parameters + FlowParameters;

        /// <summary>The number of weights of flow matching. They keep the type of the file even if the language model's weights are
        /// quantized.</summary>
        private long FlowParameters
        {
            get
            {
                var language = config.Language;
                var blocks = language.Parameters - (2L * language.VocabularySize * language.HiddenSize);
                var hidden = (long)language.HiddenSize;
                return blocks + (hidden * config.MaxLatentFrames) + (2L * hidden * config.LatentSize) + (hidden * hidden)
                    + (hidden * Yue2Config.TimeVectorSize);
            }
        }

        public long WeightBytes(MemoryLimits limits) => LlamaMemory.WeightBytes(
            config.Language, limits.Weights, new DeviceParts { HasEmbedding = limits.Host == HostShare.Nothing })
            + (FlowParameters * (limits.Weights == WeightType.Float32 ? sizeof(float) : sizeof(ushort)));

        public long CacheBytes(MemoryLimits limits, Capacity capacity) =>
            CudaStageDecoder.MemoryBytes(Shortened(config, limits).Language, limits.Cache, capacity.Songs);
    }
}
