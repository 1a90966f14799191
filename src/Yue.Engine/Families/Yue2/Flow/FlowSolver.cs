using Yue.Engine.Songs;
using Yue.Engine.Tensors;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue2.Flow;

/// <summary>Follows the velocity from noise to latents by the midpoint rule (docs/model-yue2.md 6.3).</summary>
public static class FlowSolver
{
    /// <summary>The steps of the reference.</summary>
    public const int DefaultSteps = 32;

    private const double MaxRawTime = 20;

    /// <summary>Returns the argument that the model takes for a time: its logit, within ±20.</summary>
    /// <param name="time">From 0 to 1.</param>
    public static double RawTime(double time) => Math.Clamp(Math.Log(time / (1 - time)), -MaxRawTime, MaxRawTime);

    /// <summary>Returns the times of all evaluations, two per step, from 1 down.</summary>
    public static IEnumerable<double> Times(int steps) =>
        Enumerable.Range(0, 2 * steps).Select(evaluation => 1 - (evaluation / (2.0 * steps)));

    /// <summary>Solves one chunk.</summary>
    /// <param name="noise">[F, latent size], F32; the caller keeps it.</param>
    /// <param name="steps">The number of steps, each of two evaluations.</param>
    /// <param name="velocity">Returns the velocity of a state at a raw time; the state stays the caller's.</param>
    /// <param name="evaluated">Called after each evaluation.</param>
    /// <param name="cancellationToken">Checked before each evaluation.</param>
    /// <returns>[F, latent size], F32; the caller disposes it.</returns>
    /// <exception cref="SongException">The latents are not finite.</exception>
    public static Tensor Solve(
        Tensor noise, int steps, Func<Tensor, double, Tensor> velocity, Action? evaluated = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var state = noise.alias();
        var times = Times(steps).ToArray();
        for (var step = 0; step < steps; step++)
        {
            var middle = Moved(state, state, times[2 * step], 0.5 / steps);
            var next = Moved(state, middle, times[(2 * step) + 1], 1.0 / steps);
            middle.Dispose();
            state.Dispose();
            state = next;
        }

        using var isFinite = state.isfinite().all();
        return isFinite.item<bool>()
            ? state.MoveToOuterDisposeScope()
            : throw new SongException("flow matching gave numbers that are not finite");

        // from − v(at) · by
        Tensor Moved(Tensor from, Tensor at, double time, double by)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var speed = velocity(at, RawTime(time));
            evaluated?.Invoke();
            return from.add(speed, Scalars.Of(-by));
        }
    }
}
