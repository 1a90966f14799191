using Yue.Engine.Families.Yue2.Stages;
using Yue.Engine.Families.Yue2.Tokens;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue2.Flow;

/// <summary>Renders the latents of a song from its music tokens, chunk by chunk, in short steps (docs/model-yue2.md 6).</summary>
public sealed class FlowSong : IDisposable
{
    private readonly IFlowModel _model;
    private readonly int[] _prompt;
    private readonly int[] _music;
    private readonly Tensor _noise;
    private readonly IReadOnlyList<Range> _chunks;
    private readonly int _steps;
    private readonly List<Tensor> _latents = [];        // of each finished chunk
    private IStageSequence? _written;
    private IFlowChunk? _chunk;
    private FlowSolver? _solver;
    private int _evaluations;

    /// <summary>Begins a song.</summary>
    /// <param name="model">Predicts the velocity; the caller owns it.</param>
    /// <param name="prompt">The prompt for the song's music.</param>
    /// <param name="music">The ids of the song's music codes.</param>
    /// <param name="noise">[F, latent size], F32, on the model's device; the caller owns it, and must keep it until the song is
    /// rendered.</param>
    /// <param name="context">The maximum number of positions in a chunk.</param>
    /// <param name="steps">The number of steps of the solver.</param>
    /// <param name="written">The sequence that wrote the music; the song disposes it as soon as it is no longer needed. Null for
    /// none.</param>
    public FlowSong(
        IFlowModel model, int[] prompt, int[] music, Tensor noise, int context, int steps = FlowSolver.DefaultSteps,
        IStageSequence? written = null)
    {
        if (Array.FindIndex(music, id => !TokenIds.IsCode(id)) is >= 0 and var at)
        {
            throw new ArgumentException($"music token {at} is {music[at]}, which is not the id of a music code");
        }

        (_model, _prompt, _music, _noise, _steps, _written) = (model, prompt, music, noise, steps, written);
        _chunks = FlowChunks.Of(music.Length, prompt.Length, context);
    }

    /// <summary>True if all chunks are solved.</summary>
    public bool IsDone => _latents.Count == _chunks.Count;

    /// <summary>The number of velocities evaluated so far.</summary>
    public int Evaluations => _evaluations;

    /// <summary>The number of velocities to evaluate for the whole song.</summary>
    public int AllEvaluations => 2 * _steps * _chunks.Count;

    /// <summary>Reads a piece of a chunk's tokens, or evaluates a velocity. Does nothing while the model has no room for the
    /// chunk.</summary>
    /// <exception cref="Songs.SongException">The latents of a chunk are not finite.</exception>
    public void Advance()
    {
        var range = _chunks[_latents.Count];
        var (start, ids) = (range.Start.Value, _music[range]);
        _chunk ??= TryOpen(ids);
        if (_chunk is null)
        {
            return;
        }

        if (_chunk.Unread > 0)
        {
            _chunk.Read();
            return;
        }

        if (_solver is null)
        {
            using var noise = _noise.narrow(0, start, ids.Length);
            _solver = new FlowSolver(noise, _steps);
        }

        using (var velocity = _chunk.Velocity(_solver.State, _solver.NextRawTime))
        {
            _solver.Advance(velocity);
        }

        _evaluations++;
        if (_solver.IsDone)
        {
            _latents.Add(_solver.Latents());
            CloseChunk();
        }
    }

    /// <summary>Returns the latents of all frames, [F, latent size], F32; the caller disposes them.</summary>
    public Tensor Latents() => cat(_latents);

    public void Dispose()
    {
        CloseChunk();
        _written?.Dispose();
        _latents.ForEach(latents => latents.Dispose());
        _latents.Clear();
    }

    private IFlowChunk? TryOpen(int[] ids)
    {
        // Only a song with one chunk continues the sequence that wrote its music.
        var written = _chunks.Count == 1 ? _written : null;
        if (_model.TryOpen([.. _prompt, .. ids, TokenIds.MusicEnd], ids.Length, written) is not { } chunk)
        {
            return null;
        }

        _written?.Dispose();
        _written = null;
        return chunk;
    }

    private void CloseChunk()
    {
        _solver?.Dispose();
        _chunk?.Dispose();
        (_solver, _chunk) = (null, null);
    }
}
