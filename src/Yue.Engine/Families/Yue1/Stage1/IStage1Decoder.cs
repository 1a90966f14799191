using Yue.Engine.Sampling;

namespace Yue.Engine.Families.Yue1.Stage1;

/// <summary>Writes stage-1 tokens for several songs at once. Used by the engine's thread only.</summary>
public interface IStage1Decoder : IDisposable
{
    /// <summary>The maximum number of positions in a song's context, for prompts and sampled ids together.</summary>
    int ContextLength { get; }

    /// <summary>The number of prompt ids that the model has read, not counting chunks of a song's first prompt whose keys and values were
    /// reused from another open song.</summary>
    long PrefilledIds { get; }

    /// <summary>Opens a sequence for another song. Disposing it frees its slot.</summary>
    /// <param name="seed">The key of the song's random draws.</param>
    /// <returns>The sequence; null if all slots are in use.</returns>
    IStage1Sequence? TryOpen(long seed);

    /// <summary>Samples the next id of each given sequence, or the next few ids if the decoder runs ahead of the host. Other open sequences
    /// may advance as well.</summary>
    /// <param name="sequences">Open sequences whose section is unfinished and whose prompt has been read.</param>
    void Advance(IReadOnlyList<IStage1Sequence> sequences);
}

/// <summary>The context of one song in a decoder: its prompts and ids so far, which are kept between sections.</summary>
public interface IStage1Sequence : IDisposable
{
    /// <summary>The number of ids of the section's prompt that have not been read yet. The decoder samples only when it is 0.</summary>
    int Unread { get; }

    /// <summary>The ids sampled in this section, in order; the last one is the end id if the section ended on its own.</summary>
    IReadOnlyList<int> Sampled { get; }

    /// <summary>Appends a prompt to the context and starts a section after it. Call <see cref="Read"/> to read the prompt. The
    /// unconditional row restarts from the prompt's last id.</summary>
    /// <param name="prompt">At least one id.</param>
    /// <param name="section">The section's number in the song, which is part of the counter of its random draws.</param>
    /// <param name="sampling">The section's settings.</param>
    void BeginSection(ReadOnlySpan<int> prompt, int section, SectionSampling sampling);

    /// <summary>Reads the next chunk of the prompt, of at most <see cref="Llama.LlamaModel.PrefillChunk"/> ids, or reuses the keys and
    /// values of an open sequence that began with the same ids. The chunks do not depend on when they are read, so neither do the sampled
    /// ids.</summary>
    void Read();

    /// <summary>Removes everything from the context except the ids to keep at its beginning. The removed ids no longer count toward the
    /// repetition penalty.</summary>
    /// <param name="kept">The ids to keep at the beginning of the context, all of which must have been read.</param>
    void Truncate(ReadOnlySpan<int> kept);
}
