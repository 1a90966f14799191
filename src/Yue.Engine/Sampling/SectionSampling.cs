namespace Yue.Engine.Sampling;

/// <summary>The sampling settings of one section, with all defaults resolved.</summary>
public sealed record SectionSampling
{
    /// <summary>The guidance weight of the conditional row relative to the unconditional one. If it is 1, only one row runs.</summary>
    public required double GuidanceScale { get; init; }

    public required double RepetitionPenalty { get; init; }

    public required double Temperature { get; init; }

    public required double TopP { get; init; }

    /// <summary>The number of most probable ids that are kept; 0 keeps all.</summary>
    public required int TopK { get; init; }

    /// <summary>The minimum number of ids before <see cref="EndId"/>.</summary>
    public required int MinNewTokens { get; init; }

    /// <summary>The maximum number of sampled ids, including <see cref="EndId"/>.</summary>
    public required int MaxNewTokens { get; init; }

    /// <summary>The id that ends the section.</summary>
    public required int EndId { get; init; }

    /// <summary>The ids that may be sampled, in ascending order, without overlap.</summary>
    public required IReadOnlyList<IdRange> Allowed { get; init; }

    /// <summary>True if the unconditional row is used.</summary>
    public bool IsGuided => GuidanceScale != 1.0;
}
