using Yue.Engine.Families.Yue2.Stages;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue2.Flow;

/// <summary>Predicts the velocity of latents (docs/model-yue2.md 6.2). Used by the engine's thread only.</summary>
public interface IFlowModel : IDisposable
{
    /// <summary>The size of a latent frame.</summary>
    int LatentSize { get; }

    /// <summary>The device of latents and velocities.</summary>
    Device Device { get; }

    /// <summary>Opens a chunk of a song.</summary>
    /// <param name="tokens">The music's prompt, the chunk's music tokens and the end of the music.</param>
    /// <param name="frames">The number of frames in the chunk.</param>
    /// <param name="written">The finished sequence that wrote these tokens, whose keys and values are reused. If null, all tokens are
    /// read.</param>
    /// <returns>The chunk; null while a chunk of another song uses the memory for keys and values.</returns>
    IFlowChunk? TryOpen(int[] tokens, int frames, IStageSequence? written);
}

/// <summary>A chunk of a song: the keys and values that its frames attend to.</summary>
public interface IFlowChunk : IDisposable
{
    /// <summary>The number of tokens that have not been read yet. <see cref="Velocity"/> requires that all tokens have been read.</summary>
    int Unread { get; }

    /// <summary>Reads the next piece, of at most <see cref="Llama.LlamaModel.PrefillChunk"/> tokens.</summary>
    void Read();

    /// <summary>Returns the velocity of the chunk's latents.</summary>
    /// <param name="latents">[F, latent size], F32; the caller owns it.</param>
    /// <param name="rawTime">The logit of the time.</param>
    /// <returns>[F, latent size], F32; the caller disposes it.</returns>
    Tensor Velocity(Tensor latents, double rawTime);
}
