using Yue.Cuda.Decode;
using Yue.Engine.Llama;
using Yue.Engine.Tensors;
using Yue.Engine.Weights;
using static TorchSharp.torch;
using KvCache = Yue.Engine.Llama.KvCache;

namespace Yue.Engine.Quantization;

/// <summary>Runs sequences through one block after another, and rounds the matrices of each block for the inputs that reach them through
/// the already rounded matrices.</summary>
/// <param name="config">The model's dimensions.</param>
/// <param name="rope">The rotations of all positions of the longest sequence; the caller owns them.</param>
internal sealed class LayerCalibration(LlamaConfig config, Rope rope) : IDisposable
{
    private readonly LlamaConfig _oneLayer = config with { Layers = 1 };
    private readonly List<Tensor> _states = [];     // [1, T, hidden] of each sequence, F32

    private Device Device => _states[0].device;

    /// <summary>Adds a sequence.</summary>
    /// <param name="embedded">[T, hidden], F32: the rows of the embedding; the caller owns them.</param>
    public void Add(Tensor embedded) => _states.Add(embedded.unsqueeze(0).clone().DetachFromDisposeScope());

    /// <summary>Returns the states of all sequences together, [positions, hidden]; the caller disposes them.</summary>
    public Tensor States() => cat([.. _states.Select(states => states.squeeze(0))]);

    /// <summary>Rounds the matrices of the next block, replaces them in the block, and runs all sequences through it.</summary>
    /// <param name="layer">The block's weights, F32; its matrices become the rounded ones.</param>
    /// <param name="type">Int4 or int6.</param>
    /// <param name="cancel">Checked between sequences and matrices.</param>
    public RoundedLayer Round(LlamaLayerWeights layer, WeightType type, CancellationToken cancel)
    {
        using var noGradient = no_grad();
        RoundedMatrix? qkv = null, output = null, gateUp = null;
        try
        {
            qkv = Round(layer.Qkv, type, HessianOf(layer.Qkv, states => Normed(states, layer.InputNorm), cancel));
            output = RoundOutput(layer, type, cancel);
            gateUp = Round(layer.GateUp, type, HessianOf(layer.GateUp, states => Normed(states, layer.PostNorm), cancel));
            var down = Round(layer.Down, type, HessianOf(layer.Down, states => Activated(states, layer), cancel));
            ForEach(states => AddFeedForward(states, layer), cancel);
            return new RoundedLayer(qkv, output, gateUp, down);
        }
        catch
        {
            qkv?.Dispose();
            output?.Dispose();
            gateUp?.Dispose();
            throw;
        }
    }

    /// <summary>Runs all sequences through the next block, whose matrices are already rounded.</summary>
    public void Run(LlamaLayerWeights layer, CancellationToken cancel)
    {
        using var noGradient = no_grad();
        ForEach(
            states =>
            {
                states.add_(layer.Output.Multiply(Attended(states, layer)), Scalars.One);
                AddFeedForward(states, layer);
            },
            cancel);
    }

    public void Dispose() => _states.ForEach(states => states.Dispose());

    /// <summary>Rounds the output matrix of attention, and adds its products to the states.</summary>
    private RoundedMatrix RoundOutput(LlamaLayerWeights layer, WeightType type, CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        List<Tensor> attended = [];
        Tensor Keep(Tensor states)
        {
            attended.Add(Attended(states, layer).MoveToOtherDisposeScope(scope));
            return attended[^1];
        }

        var rounded = Round(layer.Output, type, HessianOf(layer.Output, Keep, cancel));
        var sequence = 0;
        ForEach(states => states.add_(layer.Output.Multiply(attended[sequence++]), Scalars.One), cancel);
        return rounded;
    }

    private static RoundedMatrix Round(WeightMatrix matrix, WeightType type, Tensor hessian)
    {
        using (hessian)
        {
            var rounded = CalibratedRounding.Round(matrix.Values, hessian, type);
            matrix.Values.copy_(rounded.Values);
            return rounded;
        }
    }

    /// <summary>Returns the sum of x · xᵀ over the inputs of a matrix; the caller disposes it.</summary>
    private Tensor HessianOf(WeightMatrix matrix, Func<Tensor, Tensor> inputsOf, CancellationToken cancel)
    {
        var columns = matrix.Values.shape[1];
        var sum = zeros([columns, columns], device: Device);
        try
        {
            ForEach(
                states =>
                {
                    var inputs = inputsOf(states).view(-1, columns);
                    sum.addmm_(inputs.t(), inputs, beta: 1, alpha: 1);
                },
                cancel);
            return sum;
        }
        catch
        {
            sum.Dispose();
            throw;
        }
    }

    private void ForEach(Action<Tensor> action, CancellationToken cancel)
    {
        foreach (var states in _states)
        {
            cancel.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            action(states);
        }
    }

    private Tensor Normed(Tensor states, Tensor norm) => LlamaBlock.RmsNorm(states, norm, config.RmsNormEpsilon);

    private Tensor Activated(Tensor states, LlamaLayerWeights layer) => LlamaBlock.Activated(Normed(states, layer.PostNorm), layer);

    private void AddFeedForward(Tensor states, LlamaLayerWeights layer) =>
        states.add_(layer.Down.Multiply(Activated(states, layer)), Scalars.One);

    /// <summary>Returns the results of attention, [1, T, H·D]; the caller disposes them.</summary>
    private Tensor Attended(Tensor states, LlamaLayerWeights layer)
    {
        var T = states.shape[1];
        using var scope = NewDisposeScope();
        using var cache = new KvCache(_oneLayer, rows: 1, (int)T, ScalarType.Float32, Device);
        var numbers = tensor([.. Enumerable.Range(0, (int)T).Select(position => (long)position)], device: Device);
        var attended = new List<Tensor>();
        for (long first = 0, count; first < T; first += count)
        {
            count = Math.Min(T - first, LlamaModel.PrefillChunk);
            using var chunk = NewDisposeScope();
            var pass = LlamaModel.Pass(cache, ..1, count, rope, numbers);
            attended.Add(LlamaBlock.Attention(Normed(states.narrow(1, first, count), layer.InputNorm), 0, layer, config, pass)
                .MoveToOuterDisposeScope());
            cache.Advance(..1, (int)count);
        }

        return cat(attended, dim: 1).MoveToOuterDisposeScope();
    }
}
