using System.Text.Json;
using System.Text.Json.Serialization;
using Yue.Engine.Weights;

namespace Yue.Engine.Families.Yue2.SelfCheck;

/// <summary>Figures that another implementation measured on a YuE 2 checkpoint (docs/model-yue2.md 9).</summary>
public sealed record PublishedFigures
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        AllowDuplicateProperties = false,
    };

    public required string Style { get; init; }

    public required string Lyrics { get; init; }

    /// <summary>The prompt for the score if the plan is <c>full</c>.</summary>
    [JsonPropertyName("prefix")]
    public required int[] ScorePrompt { get; init; }

    public required StageFigure Score { get; init; }

    /// <summary>The music after the score in <see cref="Score"/>.</summary>
    public required StageFigure Music { get; init; }

    /// <summary>The music for the plan <c>off</c>, with guidance.</summary>
    public required StageFigure MusicWithoutScore { get; init; }

    /// <summary>Returns the figures of the published checkpoint. The figures are embedded in the program.</summary>
    public static PublishedFigures OfRealWeights() => FigureFile.LoadEmbedded<PublishedFigures>("published-figures-yue2.json", Json);

    /// <summary>Reads figures from a file in the same format.</summary>
    /// <exception cref="CheckpointException">The file is invalid.</exception>
    public static PublishedFigures Load(string file) => FigureFile.Load<PublishedFigures>(file, Json);
}

/// <summary>The figures of a stage that chooses the best id in every step, excluding the id that ends the stage.</summary>
public sealed record StageFigure
{
    /// <summary>The ids.</summary>
    public required int[] Tokens { get; init; }

    /// <summary>The ids with the best logits at the first step, the best first.</summary>
    public required int[] TopIds { get; init; }

    /// <summary>The logits of <see cref="TopIds"/>.</summary>
    public required float[] TopLogits { get; init; }
}
