using TorchSharp;
using Yue.Engine.Tensors;
using static TorchSharp.torch;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Yue.Engine.Llama;

/// <summary>The plain Llama model. It prefills prompts and is the reference for all other implementations (docs/model.md 2.2).</summary>
/// <remarks>Prefill and decode use the same code, except that <see cref="CpuSteps"/> runs small steps on the CPU. Each row of a batch
/// continues its own sequence at its own position, and a mask hides the positions that the row has not written. Used by the engine's
/// thread. If <see cref="StepsOnOneCore"/> is true, steps of different rows may run on several threads at once.</remarks>
public sealed class LlamaModel : IDisposable
{
    /// <summary>The maximum number of new positions per row in a forward pass, which limits the size of its activations.</summary>
    internal const int PrefillChunk = 512;

    private readonly ThreadLocal<CpuSteps>? _steps;

    /// <summary>Creates a model that takes ownership of <paramref name="weights"/>, even if this constructor throws.</summary>
    public LlamaModel(LlamaConfig config, LlamaWeights weights)
    {
        Config = config;
        Weights = weights;
        try
        {
            Rope = new Rope(config.HeadSize, config.RopeTheta, config.MaxPositions, weights.Device);
            var numbers = Enumerable.Range(0, config.MaxPositions).Select(position => (long)position).ToArray();
            Positions = tensor(numbers, device: weights.Device).DetachFromDisposeScope();
            if (weights is { Device.type: DeviceType.CPU, Dtype: ScalarType.Float32 })
            {
                var scored = CpuSteps.NonzeroRows(weights.Head.Values);
                _steps = new ThreadLocal<CpuSteps>(() => new CpuSteps(config, weights, Rope, scored));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public LlamaConfig Config { get; }

    public LlamaWeights Weights { get; }

    /// <summary>The numbers of all positions, [max positions], int64.</summary>
    internal Tensor Positions { get; }

    /// <summary>The rotations of all positions.</summary>
    internal Rope Rope { get; }

    /// <summary>True if a step of a few ids is too small to be split among the cores, so that each core can process its own rows.</summary>
    internal bool StepsOnOneCore =>
        _steps is not null && CpuWork.IsForOne((long)CpuSteps.MaxIds * Config.HiddenSize * Math.Max(
            (Config.Heads + (2 * Config.KeyValueHeads)) * Config.HeadSize, 2 * Config.IntermediateSize));

    /// <summary>Creates a cache in the model's dtype on its device.</summary>
    public KvCache NewCache(int rows, int capacity) =>
        new(Config, rows, capacity, Weights.Dtype, Weights.Device);

    /// <summary>Creates a cache like that of <see cref="NewCache"/>, but with memory for a single layer. A store keeps all
    /// layers.</summary>
    internal KvCache NewLayerCache(int rows, int capacity, ILayerStore store) =>
        new(Config, rows, capacity, Weights.Dtype, Weights.Device, store);

    /// <summary>Appends ids to one row, in chunks of limited size.</summary>
    /// <returns>The final-norm hidden state of the last id, [1, hidden]; the caller disposes it.</returns>
    public Tensor Prefill(ReadOnlySpan<int> ids, KvCache cache, int row)
    {
        ArgumentOutOfRangeException.ThrowIfZero(ids.Length, nameof(ids));
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        Tensor? last = null;
        while (!ids.IsEmpty)
        {
            var count = Math.Min(PrefillChunk, ids.Length);
            last?.Dispose();
            var hidden = Forward(IdTensor(ids[..count], 1), cache, row..(row + 1));     // [1, T, hidden]
            last = hidden.narrow(1, count - 1, 1).squeeze(1);
            ids = ids[count..];
        }

        return last!.MoveToOuterDisposeScope();
    }

    /// <summary>Appends the same number of ids to every row of a range.</summary>
    /// <param name="ids">B·T ids, row after row.</param>
    /// <param name="cache">The keys and values so far; the new positions are appended.</param>
    /// <param name="rows">The B rows.</param>
    /// <returns>The final-norm hidden state of each row's last id, [B, hidden]; the caller disposes it.</returns>
    public Tensor Step(ReadOnlySpan<int> ids, KvCache cache, Range rows)
    {
        var B = rows.GetOffsetAndLength(cache.Lengths.Length).Length;
        if (_steps is not null && ids.Length <= B * CpuSteps.MaxIds)
        {
            return StepOnCpu(ids.ToArray(), cache, rows, _steps);
        }

        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        return Forward(IdTensor(ids, B), cache, rows).select(1, -1).MoveToOuterDisposeScope();
    }

    /// <summary>Runs a step with <see cref="CpuSteps"/>. The rows of a small model are divided among the cores if there is enough
    /// attention work.</summary>
    private Tensor StepOnCpu(int[] ids, KvCache cache, Range rows, ThreadLocal<CpuSteps> steps)
    {
        var (first, B) = rows.GetOffsetAndLength(cache.Lengths.Length);
        var (T, hidden) = (ids.Length / B, Config.HiddenSize);
        var attention = 2L * Config.Layers * Config.Heads * Config.HeadSize * T * TensorPrimitives.Sum(cache.Lengths[rows]);
        var states = empty([B, hidden]);
        CpuWork.Share(B, StepsOnOneCore ? attention : 0, (from, to) => steps.Value!.Step(
            ids.AsSpan((from * T)..(to * T)), cache, (first + from)..(first + to),
            CpuSteps.Floats(states)[(from * hidden)..(to * hidden)]));
        return states;
    }

    /// <summary>Returns the scores of the next id.</summary>
    /// <param name="hidden">[..., hidden], final-norm states.</param>
    /// <param name="firstId">The first scored id, which must be one of the head's ids.</param>
    /// <param name="count">The number of scored ids; the rest of the head is not read.</param>
    /// <returns>[..., count], F32; the caller disposes it.</returns>
    public Tensor Logits(Tensor hidden, long firstId, long count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(firstId, Weights.ScoredIds.Low);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(firstId + count, Weights.ScoredIds.High, nameof(count));
        if (_steps is not null && hidden.dim() == 2)
        {
            using var states = hidden.contiguous();
            return _steps.Value!.Logits(states, (int)firstId - Weights.ScoredIds.Low, (int)count);
        }

        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        return Weights.Head.Multiply(hidden, firstId - Weights.ScoredIds.Low, count).to(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    /// <summary>Runs the blocks over new ids.</summary>
    /// <param name="ids">[B, T], int64.</param>
    /// <param name="cache">The keys and values so far; T positions are added to each row.</param>
    /// <param name="rows">The B rows of the cache that the ids continue.</param>
    /// <returns>[B, T, hidden], after the final norm, in the model's dtype; the caller disposes it.</returns>
    public Tensor Forward(Tensor ids, KvCache cache, Range rows)
    {
        var (B, T) = Shape.Dims2(ids);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var pass = Pass(cache, rows, T, Rope, Positions);
        var embedded = Weights.Embedding.index_select(0, ids.flatten().to(Weights.Embedding.device));
        var x = embedded.to(Weights.Device).view(B, T, -1);             // [B, T, hidden]
        for (var i = 0; i < Weights.Layers.Count; i++)
        {
            x = LlamaBlock.Forward(x, i, Weights.Layers[i], Config, pass);
        }

        cache.Advance(rows, (int)T);
        return LlamaBlock.RmsNorm(x, Weights.Norm, Config.RmsNormEpsilon).MoveToOuterDisposeScope();
    }

    /// <summary>Returns the data that the blocks share in a pass over the next positions of a cache's rows.</summary>
    /// <param name="cache">The keys and values so far.</param>
    /// <param name="rows">The B rows.</param>
    /// <param name="T">The number of new positions of each row.</param>
    /// <param name="rope">The rotations of all positions.</param>
    /// <param name="numbers">The numbers of all positions, int64.</param>
    internal static BlockPass Pass(KvCache cache, Range rows, long T, Rope rope, Tensor numbers)
    {
        using var scope = NewDisposeScope();
        var lengths = cache.Lengths[rows].ToArray();
        var S = cache.LengthWith(rows, (int)T);
        var positions = tensor(Array.ConvertAll(lengths, length => (long)length), device: numbers.device).unsqueeze(1)
            .Plus(numbers.narrow(0, 0, T)).MoveToOuterDisposeScope();
        var (cos, sin) = rope.At(positions);
        var mask = CausalMask(positions, numbers.narrow(0, 0, S));
        return new BlockPass(
            cache, rows, positions, cos.MoveToOuterDisposeScope(), sin.MoveToOuterDisposeScope(), mask.MoveToOuterDisposeScope(), S);
    }

    public void Dispose()
    {
        _steps?.Dispose();

        // A member is null if the constructor threw before setting it.
        Rope?.Dispose();
        Positions?.Dispose();
        Weights.Dispose();
    }

    /// <summary>Returns the mask [B, 1, 1, T, S], F32: 0 if position s is at or before the new position t, −∞ after t.</summary>
    private static Tensor CausalMask(Tensor positions, Tensor upTo)
    {
        var (B, T) = Shape.Dims2(positions);
        using var scope = NewDisposeScope();
        var S = upTo.shape[0];
        var hidden = upTo.view(1, 1, S).gt(positions.view(B, T, 1));
        return zeros([B, T, S], device: positions.device).masked_fill_(hidden, Scalars.NegativeInfinity)
            .view(B, 1, 1, T, S).MoveToOuterDisposeScope();
    }

    private Tensor IdTensor(ReadOnlySpan<int> ids, long B)
    {
        var wide = new long[ids.Length];
        for (var i = 0; i < ids.Length; i++)
        {
            wide[i] = ids[i];
        }

        return tensor(wide, device: Weights.Device).view(B, -1);
    }
}
