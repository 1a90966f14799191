using Yue.Engine.Sampling;

namespace Yue.Engine.Stage1;

/// <summary>Writes stage-1 tokens for several songs at once. Used by the engine's thread only.</summary>
public interface IStage1Decoder : IDisposable
{
    /// <summary>The most positions a song's context may take, prompt and sampled ids together.</summary>
    int ContextLength { get; }

    /// <summary>A place for one more song; null when all are taken. Disposing it gives the place back.</summary>
    /// <param name="seed">The key of the song's random draws.</param>
    IStage1Sequence? TryOpen(long seed);

    /// <summary>Samples the next id of every sequence, or the next few where the decoder runs ahead of the host.</summary>
    /// <param name="sequences">Open sequences inside a section that has not ended.</param>
    void Advance(IReadOnlyList<IStage1Sequence> sequences);
}

/// <summary>One song's context in a decoder: the prompts and ids so far, kept between sections.</summary>
public interface IStage1Sequence : IDisposable
{
    /// <summary>Positions that the context holds, the ids not yet fed back included.</summary>
    int Length { get; }

    /// <summary>The ids sampled in this section, in order; the last one is the end id when the section has ended by it.</summary>
    IReadOnlyList<int> Sampled { get; }

    /// <summary>Appends a prompt to the context and starts a section behind it. The unconditional row starts anew
    /// from the prompt's last id.</summary>
    /// <param name="prompt">At least one id.</param>
    /// <param name="section">The section's number in the song: part of the counter of its draws.</param>
    /// <param name="sampling">The section's settings.</param>
    void BeginSection(ReadOnlySpan<int> prompt, int section, SectionSampling sampling);

    /// <summary>Forgets the context and the ids seen.</summary>
    void Clear();
}
