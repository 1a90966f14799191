namespace Yue.Engine.Sampling;

/// <summary>How the ids of one section are drawn: every number resolved, no defaults left.</summary>
public sealed record SectionSampling
{
    /// <summary>Weight of the conditional row against the unconditional one; exactly 1 runs one row.</summary>
    public required double GuidanceScale { get; init; }

    public required double RepetitionPenalty { get; init; }

    public required double Temperature { get; init; }

    public required double TopP { get; init; }

    /// <summary>0 keeps all.</summary>
    public required int TopK { get; init; }

    /// <summary>Ids before which <see cref="EndId"/> may not come.</summary>
    public required int MinNewTokens { get; init; }

    /// <summary>The most ids sampled, <see cref="EndId"/> included.</summary>
    public required int MaxNewTokens { get; init; }

    /// <summary>The id that ends the section.</summary>
    public required int EndId { get; init; }

    /// <summary>The ids that may be sampled, in ascending order, without overlap.</summary>
    public required IReadOnlyList<IdRange> Allowed { get; init; }

    /// <summary>True if the unconditional row takes part.</summary>
    public bool IsGuided => GuidanceScale != 1.0;
}
