using Yue.Cuda.Decode;
using Yue.Engine.Families.Yue2.Backbone;
using Yue.Engine.Families.Yue2.Stages;
using Yue.Engine.Layers;
using Yue.Engine.Llama;
using Yue.Engine.Tensors;
using Yue.Engine.Weights;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Yue.Engine.Families.Yue2.Flow;

/// <summary>The transformer that predicts the velocity of a song's latents (docs/model-yue2.md 6.2). Owns its weights.</summary>
/// <remarks>Its blocks attend to the keys and values of the transformer that wrote the music, and run in the dtype and on the device of
/// that transformer. It shares the last norm with that transformer. Everything outside the blocks is float32, like the latents. Not
/// thread-safe.</remarks>
public sealed class FlowModel : IFlowModel
{
    /// <summary>The number of frames that the reference adds to a chunk: one before it and one after it.</summary>
    public const int BorderFrames = 2;

    private const string BlockPrefix = "model.layers.";
    private static readonly BlockNames Names = new("nar_input_layernorm", "nar_self_attn", "nar_pre_mlp_layernorm", "nar_mlp");

    private readonly Yue2Config _config;
    private readonly LlamaModel _language;
    private readonly FusedBlocks? _fused;
    private readonly LlamaLayerWeights[] _layers;
    private readonly WeightOwner _owner;
    private readonly Parts _parts;
    private bool _isCacheTaken;

    /// <summary>Reads the weights of flow matching.</summary>
    /// <param name="config">The checkpoint's dimensions.</param>
    /// <param name="source">The checkpoint, as float32, on the device of <paramref name="language"/>.</param>
    /// <param name="language">The transformer that writes the music; the caller owns it.</param>
    /// <param name="blocks">The checkpoint in the dtype of <paramref name="language"/>, on its device; null means
    /// <paramref name="source"/>.</param>
    /// <param name="kernels">Kernels for a model in BF16 on a GPU; the caller owns them. If null, only TorchSharp is used.</param>
    public FlowModel(
        Yue2Config config, ITensorSource source, LlamaModel language, ITensorSource? blocks = null, BlockKernels? kernels = null)
    {
        (_config, _language) = (config, language);
        _fused = kernels is null ? null : new FusedBlocks(kernels, config.Language, language.Rope);
        (_owner, _parts) = WeightOwner.Load(source, () => new Parts(config, source));
        var layers = new List<LlamaLayerWeights>();
        try
        {
            for (var i = 0; i < config.Language.Layers; i++)
            {
                layers.Add(LlamaLayerWeights.Load(config.Language, blocks ?? source, $"{BlockPrefix}{i}.", Names));
            }
        }
        catch
        {
            layers.ForEach(layer => layer.Dispose());
            _owner.Dispose();
            throw;
        }

        _layers = [.. layers];
    }

    public int LatentSize => _config.LatentSize;

    public Device Device => _language.Weights.Device;

    /// <summary>A one-row cache with room for any chunk, used by one chunk at a time; the caller owns it. If null, each chunk gets its own
    /// cache.</summary>
    internal Llama.KvCache? Cache { get; init; }

    public IFlowChunk? TryOpen(int[] tokens, int frames, IStageSequence? written)
    {
        if (_isCacheTaken)
        {
            return null;
        }

        var cache = Cache ?? _language.NewCache(1, tokens.Length + frames + BorderFrames);
        cache.Clear(0);
        switch (written)
        {
            case StageWriter writer:
                writer.CopyTo(cache);
                break;
            case CudaStageDecoder.Sequence sequence:
                sequence.CopyTo(cache);
                break;
        }

        _isCacheTaken = Cache is not null;
        return new Chunk(this, tokens, cache);
    }

    public void Dispose()
    {
        foreach (var layer in _layers)
        {
            layer.Dispose();
        }

        _owner.Dispose();
    }

    /// <summary>Returns the embedding of a time, [hidden], F32; the caller disposes it.</summary>
    internal Tensor TimeEmbedding(double rawTime)
    {
        using var scope = NewDisposeScope();
        var sigmoid = 1 / (1 + Math.Exp(-rawTime));
        var time = (float)(_config.TimestepShift * sigmoid / (1 + ((_config.TimestepShift - 1) * sigmoid)));
        var angles = Array.ConvertAll(Parts.Frequencies, frequency => time * frequency);
        float[] waves = [.. angles.Select(MathF.Cos), .. angles.Select(MathF.Sin)];
        return _parts.TimeOut.Forward(functional.silu(_parts.TimeIn.Forward(tensor(waves, device: Device)))).MoveToOuterDisposeScope();
    }

    /// <summary>Returns the velocity of the latents of a chunk. The length of the cache does not change.</summary>
    private Tensor Velocity(Tensor latents, double rawTime, Llama.KvCache tokens)
    {
        var (F, _) = Shape.Dims2(latents);
        Shape.Expect(latents, [F, _config.LatentSize]);
        var T = F + BorderFrames;
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var rows = functional.pad(latents, [0, 0, 1, 1]);                               // [T, latent size], zeros at both ends
        var x = _parts.Input.Forward(rows).Plus(TimeEmbedding(rawTime)).Plus(FramePositions(T)).to(_language.Weights.Dtype);
        var normed = _fused?.Forward(x, _layers, _language.Weights.Norm, tokens) ?? Blocks(x, tokens);
        return _parts.Output.Forward(normed.narrow(0, 1, F).to(ScalarType.Float32)).MoveToOuterDisposeScope();
    }

    /// <summary>Runs the blocks and the last norm, [T, hidden] to the same shape; the caller disposes the result.</summary>
    private Tensor Blocks(Tensor rows, Llama.KvCache tokens)
    {
        using var scope = NewDisposeScope();
        var (T, x) = (rows.shape[0], rows.unsqueeze(0));
        var first = tokens.Lengths[0];
        var positions = _language.Positions.narrow(0, first, T).unsqueeze(0);
        var (cos, sin) = _language.Rope.At(positions);
        var pass = new BlockPass(tokens, ..1, positions, cos, sin, Mask: null, tokens.LengthWith(..1, (int)T));
        for (var i = 0; i < _layers.Length; i++)
        {
            var next = LlamaBlock.Forward(x, i, _layers[i], _config.Language, pass);
            x.Dispose();
            x = next;
        }

        return LlamaBlock.RmsNorm(x, _language.Weights.Norm, _config.Language.RmsNormEpsilon).squeeze(0).MoveToOuterDisposeScope();
    }

    /// <summary>Returns the position embeddings for the rows of a chunk, [T, hidden]; rows beyond the table repeat its last row.</summary>
    private Tensor FramePositions(long T)
    {
        var known = Math.Min(T, _config.MaxLatentFrames);
        using var scope = NewDisposeScope();
        var rows = _parts.Frames.narrow(0, 0, known);
        return cat([rows, rows.narrow(0, known - 1, 1).expand(T - known, -1)]).MoveToOuterDisposeScope();
    }

    /// <summary>A chunk with its cache of one row.</summary>
    private sealed class Chunk(FlowModel model, int[] tokens, Llama.KvCache cache) : IFlowChunk
    {
        private bool _isDisposed;

        public int Unread => tokens.Length - cache.Lengths[0];

        public void Read()
        {
            var piece = tokens.AsSpan(cache.Lengths[0], Math.Min(LlamaModel.PrefillChunk, Unread));
            model._language.Prefill(piece, cache, 0).Dispose();
        }

        public Tensor Velocity(Tensor latents, double rawTime) => Unread == 0
            ? model.Velocity(latents, rawTime, cache)
            : throw new InvalidOperationException($"{Unread} tokens of the chunk have not been read");

        public void Dispose()
        {
            if (cache != model.Cache)
            {
                cache.Dispose();
            }
            else if (!_isDisposed)
            {
                model._isCacheTaken = false;
            }

            _isDisposed = true;
        }
    }

    /// <summary>The weights outside the blocks.</summary>
    private sealed class Parts(Yue2Config config, ITensorSource source)
    {
        private const int TimeWaves = Yue2Config.TimeVectorSize / 2;
        private const double SlowestPeriod = 10000;

        /// <summary>[waves]: the frequencies of the time's cosines and sines.</summary>
        public static float[] Frequencies { get; } =
            [.. Enumerable.Range(0, TimeWaves).Select(k => (float)Math.Exp(-Math.Log(SlowestPeriod) * k / TimeWaves))];

        public Linear Input { get; } = new(source, "vae2llm", config.LatentSize, config.Language.HiddenSize);

        public Linear Output { get; } = new(source, "llm2vae", config.Language.HiddenSize, config.LatentSize);

        public Linear TimeIn { get; } = new(source, "time_embedder.mlp.0", 2 * TimeWaves, config.Language.HiddenSize);

        public Linear TimeOut { get; } = new(source, "time_embedder.mlp.2", config.Language.HiddenSize, config.Language.HiddenSize);

        /// <summary>[max frames, hidden].</summary>
        public Tensor Frames { get; } = source.Read("latent_pos_embed.pe", config.MaxLatentFrames, config.Language.HiddenSize);
    }
}
