using Yue.Engine.Families.Yue2.Tokens;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue2.Flow;

/// <summary>Renders the latents of a song from its music tokens, chunk after chunk (docs/model-yue2.md 6).</summary>
/// <param name="model">Predicts the velocity; the caller keeps it.</param>
/// <param name="prompt">The prompt of the song's music.</param>
/// <param name="music">The ids of the song's music codes.</param>
public sealed class FlowSong(FlowModel model, int[] prompt, int[] music)
{
    /// <summary>Returns the latents of all frames.</summary>
    /// <param name="noise">[F, latent size], F32; the caller keeps it.</param>
    /// <param name="context">The positions that a chunk may take.</param>
    /// <param name="steps">The steps of the solver.</param>
    /// <param name="progress">Called with the fraction done after each evaluation.</param>
    /// <param name="cancellationToken">Checked before each evaluation.</param>
    /// <returns>[F, latent size], F32; the caller disposes it.</returns>
    public Tensor Render(
        Tensor noise, int context, int steps = FlowSolver.DefaultSteps, Action<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        if (Array.FindIndex(music, id => !TokenIds.IsCode(id)) is >= 0 and var at)
        {
            throw new ArgumentException($"music token {at} is {music[at]}, which is not the id of a music code");
        }

        using var scope = NewDisposeScope();
        var chunks = FlowChunks.Of(music.Length, prompt.Length, context);
        var (done, all) = (0, 2 * steps * chunks.Count);
        var latents = new List<Tensor>();
        foreach (var chunk in chunks)
        {
            int[] ids = music[chunk];
            using var tokens = model.ReadTokens([.. prompt, .. ids, TokenIds.MusicEnd], ids.Length);
            using var start = noise.narrow(0, chunk.Start.Value, ids.Length);
            latents.Add(FlowSolver.Solve(
                start, steps, (state, time) => model.Velocity(state, time, tokens),
                () => progress?.Invoke(++done / (double)all), cancellationToken));
        }

        return cat(latents).MoveToOuterDisposeScope();
    }
}
