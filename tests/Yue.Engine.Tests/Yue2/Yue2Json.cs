using System.Text.Json;
using Yue.Engine.Families.Yue2.Stages;

namespace Yue.Engine.Tests.Yue2;

/// <summary>Reads the JSON files of the goldens.</summary>
internal static class Yue2Json
{
    public static JsonElement Read(string path)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(path));
        return document.RootElement.Clone();
    }

    /// <summary>Returns a list of ids, or an empty one for null.</summary>
    public static int[] Ids(JsonElement element, string name) =>
        element.GetProperty(name) is { ValueKind: JsonValueKind.Array } ids ? [.. ids.EnumerateArray().Select(id => id.GetInt32())] : [];

    public static float[] Floats(JsonElement element, string name) =>
        [.. element.GetProperty(name).EnumerateArray().Select(number => number.GetSingle())];

    /// <summary>Returns the sampling settings in an element. Missing values are taken from the fallback.</summary>
    public static StageSampling Sampling(JsonElement value, StageSampling fallback)
    {
        double Number(string name, double other) => value.TryGetProperty(name, out var number) ? number.GetDouble() : other;
        int Whole(string name, int other) => value.TryGetProperty(name, out var number) ? number.GetInt32() : other;
        return new StageSampling
        {
            Temperature = Number("temperature", fallback.Temperature),
            TopP = Number("top_p", fallback.TopP),
            TopK = Whole("top_k", fallback.TopK),
            RepetitionPenalty = Number("repetition_penalty", fallback.RepetitionPenalty),
            PenaltyWindow = Whole("penalty_window", fallback.PenaltyWindow),
            MinTokens = Whole("min_tokens", fallback.MinTokens),
            MaxTokens = Whole("max_tokens", fallback.MaxTokens),
        };
    }
}
