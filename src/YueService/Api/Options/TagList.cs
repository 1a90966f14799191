using System.Text.Json;

namespace YueService.Api.Options;

/// <summary>The most frequent tags in YuE's training data, as published by its authors. A genre line works best with them.</summary>
/// <remarks>The published file has 814 entries in five lists. Spaces around entries are trimmed. If spellings in a list differ only in
/// letter case, only the first is kept. 649 entries remain.</remarks>
/// <param name="Notice">The origin and the license of the list.</param>
/// <param name="Genre">Genres, most common first, as in the other lists.</param>
/// <param name="Instrument">Instruments.</param>
/// <param name="Mood">Moods.</param>
/// <param name="Voice">The singer's sex, age or way of singing.</param>
/// <param name="Timbre">Timbres of the voice.</param>
internal sealed record TagList(
    string Notice,
    IReadOnlyList<string> Genre,
    IReadOnlyList<string> Instrument,
    IReadOnlyList<string> Mood,
    IReadOnlyList<string> Voice,
    IReadOnlyList<string> Timbre)
{
    private static readonly Lazy<TagList> Embedded = new(Read);

    /// <summary>The list that is embedded in the program.</summary>
    public static TagList Published => Embedded.Value;

    private static TagList Read()
    {
        using var stream = typeof(TagList).Assembly.GetManifestResourceStream("tags.json")!;
        return JsonSerializer.Deserialize<TagList>(stream, JsonSerializerOptions.Web)!;
    }
}
