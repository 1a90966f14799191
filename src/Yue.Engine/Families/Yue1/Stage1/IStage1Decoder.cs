using Yue.Engine.Sampling;

namespace Yue.Engine.Families.Yue1.Stage1;

/// <summary>Writes stage-1 tokens for several songs at once. Used by the engine's thread only.</summary>
public interface IStage1Decoder : IDisposable
{
    /// <summary>The most positions of a song's context, prompts and sampled ids together.</summary>
    int ContextLength { get; }

    /// <summary>The ids of prompts that the model has read. Pieces of a first prompt that a song took over from another open song with
    /// the same prompt are not counted.</summary>
    long PrefilledIds { get; }

    /// <summary>Opens a place for one more song. Disposing the sequence gives the place back.</summary>
    /// <param name="seed">The key of the song's random draws.</param>
    /// <returns>Null when all places are taken.</returns>
    IStage1Sequence? TryOpen(long seed);

    /// <summary>Samples the next id of every sequence, or the next few ids if the decoder runs ahead of the host.</summary>
    /// <param name="sequences">Open sequences inside a section that has not ended, their prompts read.</param>
    void Advance(IReadOnlyList<IStage1Sequence> sequences);
}

/// <summary>One song's context in a decoder: its prompts and ids so far, kept between sections.</summary>
public interface IStage1Sequence : IDisposable
{
    /// <summary>The ids of the section's prompt that are not read yet. The decoder samples when none are left.</summary>
    int Unread { get; }

    /// <summary>The ids sampled in this section, in order; the last one is the end id if the section has ended by it.</summary>
    IReadOnlyList<int> Sampled { get; }

    /// <summary>Appends a prompt to the context and starts a section after it. <see cref="Read"/> reads the prompt. The
    /// unconditional row starts again from the prompt's last id.</summary>
    /// <param name="prompt">At least one id.</param>
    /// <param name="section">The section's number in the song: part of the counter of its draws.</param>
    /// <param name="sampling">The section's settings.</param>
    void BeginSection(ReadOnlySpan<int> prompt, int section, SectionSampling sampling);

    /// <summary>Reads the next piece of the prompt, of at most <see cref="Llama.LlamaModel.PrefillChunk"/> ids, or takes its keys and
    /// values over from an open sequence that began with the same ids. The pieces do not depend on when they are read, so the
    /// sampled ids do not either.</summary>
    void Read();

    /// <summary>Forgets everything after the first ids of the context, the ids seen included.</summary>
    /// <param name="kept">The ids that stay: the beginning of the context, which has been read.</param>
    void Truncate(ReadOnlySpan<int> kept);
}
