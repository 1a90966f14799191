using System.Globalization;

namespace Yue.Engine.Families.Yue2.Stages;

/// <summary>The settings of one stage's sampling chain (docs/model-yue2.md 5.1).</summary>
public sealed record StageSampling
{
    public const double MaxTemperature = 5;
    public const int MaxPenaltyWindow = 100;

    /// <summary>The reference's settings for the score.</summary>
    public static StageSampling Score { get; } = new()
    {
        Temperature = 0.7,
        TopP = 0.9,
        TopK = 30,
        RepetitionPenalty = 1.005,
        PenaltyWindow = 100,
        MinTokens = 32,
        MaxTokens = 4096,
    };

    /// <summary>The reference's settings for the music: between 8 seconds and 6 minutes.</summary>
    public static StageSampling Music { get; } = new()
    {
        Temperature = 1,
        TopP = 0.95,
        TopK = 100,
        RepetitionPenalty = 1.2,
        PenaltyWindow = 50,
        MinTokens = 200,
        MaxTokens = 9000,
    };

    /// <summary>The temperature, by which scores are divided. At 0, the best id is chosen.</summary>
    public required double Temperature { get; init; }

    /// <summary>The top-p value: an id is kept if the ids before it have at most this total probability.</summary>
    public required double TopP { get; init; }

    /// <summary>The number of best ids that are kept. Further ids with the same score as the last of these are also kept.</summary>
    public required int TopK { get; init; }

    /// <summary>The repetition penalty. For each occurrence of an id in the window, the id's score is divided by this factor, or multiplied
    /// by it if the score is negative.</summary>
    public required double RepetitionPenalty { get; init; }

    /// <summary>The number of most recent ids that the penalty counts.</summary>
    public required int PenaltyWindow { get; init; }

    /// <summary>The minimum number of ids before the end of the stage.</summary>
    public required int MinTokens { get; init; }

    /// <summary>The maximum number of drawn ids, including the one that ends the stage.</summary>
    public required int MaxTokens { get; init; }

    /// <summary>Returns the factors that scores are divided by, or multiplied by if they are negative, indexed by the number of an id's
    /// occurrences in the window.</summary>
    /// <param name="rounding">The format of the factors.</param>
    public float[] Penalties(StageRounding rounding = StageRounding.None)
    {
        var once = rounding.Round((float)RepetitionPenalty);
        return [.. Enumerable.Range(0, PenaltyWindow + 1).Select(count => rounding.Round(MathF.Pow(once, count)))];
    }

    /// <summary>Returns an error about the first value that is out of bounds; null if there is none.</summary>
    public string? Fault() => this switch
    {
        { Temperature: not (>= 0 and <= MaxTemperature) } => Text($"temperature is {Temperature}, expected 0 to {MaxTemperature}"),
        { TopP: not (> 0 and <= 1) } => Text($"top_p is {TopP}, expected more than 0 and at most 1"),
        { TopK: < 1 } => Text($"top_k is {TopK}, expected at least 1"),
        { RepetitionPenalty: not (> 0 and < double.PositiveInfinity) } =>
            Text($"repetition_penalty is {RepetitionPenalty}, expected more than 0"),
        { PenaltyWindow: < 1 or > MaxPenaltyWindow } => Text($"penalty_window is {PenaltyWindow}, expected 1 to {MaxPenaltyWindow}"),
        { MaxTokens: < 1 } => Text($"max_tokens is {MaxTokens}, expected at least 1"),
        { MinTokens: < 0 } => Text($"min_tokens is {MinTokens}, expected at least 0"),
        _ when MinTokens > MaxTokens => Text($"min_tokens is {MinTokens}, expected at most max_tokens, {MaxTokens}"),
        _ => null,
    };

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
