namespace Yue.Engine.Families.Yue2.Stages;

/// <summary>Writes the ids of the stages of several songs at once. Used by the engine's thread only.</summary>
public interface IStageDecoder : IDisposable
{
    /// <summary>The most positions of a stage, prompt and written ids together.</summary>
    int ContextLength { get; }

    /// <summary>Opens a stage. At most as many are open as the decoder was made for. Disposing the sequence gives its place back.</summary>
    /// <returns>Null if the other open stages leave no memory for it. A stage alone always has room.</returns>
    /// <exception cref="Songs.SongRequestException">A prompt and the most ids do not fit into the context.</exception>
    IStageSequence? TryOpen(StageOrder order);

    /// <summary>Writes the next id of every sequence, or the next few ids if the decoder runs ahead of the host. Sequences of both stages
    /// may take part together.</summary>
    /// <param name="sequences">Open sequences whose prompts are read and whose stages have not ended.</param>
    void Advance(IReadOnlyList<IStageSequence> sequences);
}

/// <summary>A stage of one song in a decoder: its prompts and the ids written so far.</summary>
public interface IStageSequence : IDisposable
{
    /// <summary>The ids of the prompts that are not read yet. The decoder writes when none are left.</summary>
    int Unread { get; }

    /// <summary>The ids so far, without the one that ends the stage.</summary>
    IReadOnlyList<int> Tokens { get; }

    /// <summary>True if the stage wrote its end.</summary>
    bool IsComplete { get; }

    /// <summary>True if the stage wrote the most ids and not its end.</summary>
    bool IsTruncated { get; }

    /// <summary>Reads the next piece of the prompts, of at most <see cref="Llama.LlamaModel.PrefillChunk"/> ids. The pieces do not depend
    /// on when they are read, so the written ids do not either.</summary>
    void Read();
}

/// <summary>A stage to write.</summary>
/// <param name="Ids">The ids that may come.</param>
/// <param name="Sampling">The settings with which they are drawn.</param>
/// <param name="Prompt">The ids that the stage continues.</param>
/// <param name="Seed">The key of the draws.</param>
public sealed record StageOrder(StageIds Ids, StageSampling Sampling, int[] Prompt, long Seed)
{
    /// <summary>The prompt and the scale of guidance; null for none.</summary>
    public StageGuidance? Guidance { get; init; }

    /// <summary>False if the song's plan is off.</summary>
    public bool HasPlan { get; init; } = true;

    /// <summary>The prompt of each row: the stage's, and that of guidance if there is one.</summary>
    public int[][] Prompts => Guidance is null ? [Prompt] : [Prompt, Guidance.Prompt];

    /// <summary>The most positions of each row.</summary>
    public IEnumerable<int> RowLengths => Prompts.Select(prompt => prompt.Length + Sampling.MaxTokens);

    /// <summary>The length of the longest prompt.</summary>
    public int PromptLength => Prompts.Max(prompt => prompt.Length);

    /// <summary>Returns the error about a stage that does not fit into a context; null if it fits.</summary>
    public string? FaultOf(int contextLength) => PromptLength + Sampling.MaxTokens <= contextLength
        ? null
        : $"the prompt has {PromptLength} tokens and up to {Sampling.MaxTokens} more are to be written; the model's context holds "
            + $"{contextLength}. Shorten the lyrics, the style or the score, or ask for a shorter song";
}

/// <summary>Guidance away from a prompt that knows neither style nor lyrics.</summary>
/// <param name="Prompt">That prompt.</param>
/// <param name="Scale">1 is no guidance.</param>
public sealed record StageGuidance(int[] Prompt, double Scale);
