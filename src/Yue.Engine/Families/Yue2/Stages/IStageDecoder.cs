namespace Yue.Engine.Families.Yue2.Stages;

/// <summary>Writes the scores and the music of several songs concurrently. Used by the engine's thread only.</summary>
public interface IStageDecoder : IDisposable
{
    /// <summary>The maximum number of positions per stage: the ids of its prompt and those that it writes.</summary>
    int ContextLength { get; }

    /// <summary>Opens a stage. The number of open stages is limited by the decoder's slots. Disposing the sequence releases its
    /// slot.</summary>
    /// <returns>The sequence; null if the other open stages leave no memory for it. If no other stage is open, there is always
    /// room.</returns>
    /// <exception cref="Songs.SongRequestException">A prompt and the maximum number of ids do not fit into the context.</exception>
    IStageSequence? TryOpen(StageOrder order);

    /// <summary>Writes the next id of each given sequence, or the next few ids if the decoder runs ahead of the host. Scores and
    /// music may advance together.</summary>
    /// <param name="sequences">Open sequences whose prompts are read and whose stages have not ended.</param>
    void Advance(IReadOnlyList<IStageSequence> sequences);
}

/// <summary>A stage of one song in a decoder: its prompts and the ids written so far.</summary>
public interface IStageSequence : IDisposable
{
    /// <summary>The number of prompt ids that have not been read yet. Writing begins when it is 0.</summary>
    int Unread { get; }

    /// <summary>The ids written so far, without the one that ends the stage.</summary>
    IReadOnlyList<int> Tokens { get; }

    /// <summary>True if the stage wrote its end id.</summary>
    bool IsComplete { get; }

    /// <summary>True if the stage wrote the maximum number of ids without its end id.</summary>
    bool IsTruncated { get; }

    /// <summary>Reads the next piece of the prompts, of at most <see cref="Llama.LlamaModel.PrefillChunk"/> ids. The pieces do not depend
    /// on when they are read, so the written ids do not either.</summary>
    void Read();
}

/// <summary>A stage to write.</summary>
/// <param name="Ids">The allowed ids.</param>
/// <param name="Sampling">The sampling settings.</param>
/// <param name="Prompt">The ids that the stage continues.</param>
/// <param name="Seed">The seed of the random numbers.</param>
public sealed record StageOrder(StageIds Ids, StageSampling Sampling, int[] Prompt, long Seed)
{
    /// <summary>The prompt and the scale of guidance; null for none.</summary>
    public StageGuidance? Guidance { get; init; }

    /// <summary>False if the song's plan is off.</summary>
    public bool HasPlan { get; init; } = true;

    /// <summary>The prompt of each row: that of the stage, and that of guidance if the stage is guided.</summary>
    public int[][] Prompts => Guidance is null ? [Prompt] : [Prompt, Guidance.Prompt];

    /// <summary>The maximum number of positions of each row.</summary>
    public IEnumerable<int> RowLengths => Prompts.Select(prompt => prompt.Length + Sampling.MaxTokens);

    /// <summary>The length of the longest prompt.</summary>
    public int PromptLength => Prompts.Max(prompt => prompt.Length);

    /// <summary>Returns the error about a stage that does not fit into a context; null if it fits.</summary>
    public string? FaultOf(int contextLength) => PromptLength + Sampling.MaxTokens <= contextLength
        ? null
        : $"the prompt has {PromptLength} tokens and up to {Sampling.MaxTokens} more are to be written; the model's context holds "
            + $"{contextLength}. Shorten the genre line, the lyrics or the score, or request a shorter song";
}

/// <summary>Guidance away from a prompt without style and lyrics.</summary>
/// <param name="Prompt">The prompt without style and lyrics.</param>
/// <param name="Scale">The scale; 1 means no guidance.</param>
public sealed record StageGuidance(int[] Prompt, double Scale);
