using Yue.Engine.Songs;
using Yue.Engine.Tensors;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue2.Flow;

/// <summary>Integrates the velocity from noise to latents with the midpoint rule, one evaluation at a time (docs/model-yue2.md
/// 6.3).</summary>
public sealed class FlowSolver : IDisposable
{
    /// <summary>The number of steps in the reference.</summary>
    public const int DefaultSteps = 32;

    private const double MaxRawTime = 20;

    private readonly int _steps;
    private readonly double[] _times;
    private Tensor _state;
    private Tensor? _middle;        // set between the two evaluations of a step
    private int _evaluations;

    /// <summary>Begins a chunk.</summary>
    /// <param name="noise">[F, latent size], F32; the caller owns it.</param>
    /// <param name="steps">The number of steps, each of two evaluations.</param>
    public FlowSolver(Tensor noise, int steps)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        (_steps, _times, _state) = (steps, [.. Times(steps)], noise.clone());
    }

    /// <summary>True if no evaluation is left.</summary>
    public bool IsDone => _evaluations == _times.Length;

    /// <summary>The state whose velocity is needed next, [F, latent size], F32; the solver owns it.</summary>
    public Tensor State => _middle ?? _state;

    /// <summary>The raw time at which the velocity of <see cref="State"/> is needed.</summary>
    public double NextRawTime => RawTime(_times[_evaluations]);

    /// <summary>Returns the model's argument for a time: the logit of the time, clamped to ±20.</summary>
    /// <param name="time">From 0 to 1.</param>
    public static double RawTime(double time) => Math.Clamp(Math.Log(time / (1 - time)), -MaxRawTime, MaxRawTime);

    /// <summary>Returns the times of all evaluations, two per step, descending from 1.</summary>
    public static IEnumerable<double> Times(int steps) =>
        Enumerable.Range(0, 2 * steps).Select(evaluation => 1 - (evaluation / (2.0 * steps)));

    /// <summary>Advances the state, given the velocity of <see cref="State"/> at <see cref="NextRawTime"/>. The first velocity of a step
    /// moves the state to the step's midpoint; the second moves it from the step's beginning to the step's end.</summary>
    /// <param name="velocity">[F, latent size], F32; the caller owns it.</param>
    public void Advance(Tensor velocity)
    {
        using var noGrad = no_grad();
        if (_middle is null)
        {
            _middle = _state.add(velocity, Scalars.Of(-0.5 / _steps));
        }
        else
        {
            var next = _state.add(velocity, Scalars.Of(-1.0 / _steps));
            _state.Dispose();
            _middle.Dispose();
            (_state, _middle) = (next, null);
        }

        _evaluations++;
    }

    /// <summary>Returns the latents after the last evaluation, [F, latent size], F32; the caller disposes them.</summary>
    /// <exception cref="SongException">The latents are not finite.</exception>
    public Tensor Latents()
    {
        using var isFinite = _state.isfinite();
        using var areAllFinite = isFinite.all();
        return areAllFinite.item<bool>() ? _state.alias() : throw new SongException("flow matching produced numbers that are not finite");
    }

    public void Dispose()
    {
        _state.Dispose();
        _middle?.Dispose();
    }
}
