using System.Globalization;

namespace Yue.Engine.Families.Yue2.Stages;

/// <summary>The settings of one stage's sampling chain (docs/model-yue2.md 5.1).</summary>
public sealed record StageSampling
{
    public const double MaxTemperature = 5;
    public const int MaxPenaltyWindow = 100;

    /// <summary>The reference's settings of the score.</summary>
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

    /// <summary>The reference's settings of the music: between 8 seconds and 6 minutes.</summary>
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

    /// <summary>Scores are divided by this. At 0 the best id is taken.</summary>
    public required double Temperature { get; init; }

    /// <summary>The nucleus: an id stays while the ids before it have at most this probability together.</summary>
    public required double TopP { get; init; }

    /// <summary>The number of best ids that are kept. All ids that equal the last of them are kept as well.</summary>
    public required int TopK { get; init; }

    /// <summary>An id is made less likely by this factor once for each time that it occurs in the window.</summary>
    public required double RepetitionPenalty { get; init; }

    /// <summary>The number of most recent ids that the penalty counts.</summary>
    public required int PenaltyWindow { get; init; }

    /// <summary>The ids before which the stage may not end.</summary>
    public required int MinTokens { get; init; }

    /// <summary>The most ids that are drawn, with the one that ends the stage.</summary>
    public required int MaxTokens { get; init; }

    /// <summary>Returns the factors by which an id is made less likely, by the number of times that it is in the window, from 0.</summary>
    /// <param name="rounding">The format of the factors.</param>
    public float[] Penalties(StageRounding rounding = StageRounding.None)
    {
        var once = rounding.Round((float)RepetitionPenalty);
        return [.. Enumerable.Range(0, PenaltyWindow + 1).Select(count => rounding.Round(MathF.Pow(once, count)))];
    }

    /// <summary>Returns an error about the first value that is out of its bounds, or null.</summary>
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
