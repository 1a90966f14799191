using Yue.Engine.Songs;

namespace YueService.Api.Options;

/// <summary>The values that a song request can have here.</summary>
internal sealed record OptionsResponse
{
    /// <summary>The models that <c>model</c> can name, the default one first; none while they are not known yet.</summary>
    public required IReadOnlyList<ModelOption> Models { get; init; }

    /// <summary>The formats of files: <c>output.format</c>.</summary>
    public required IReadOnlyList<FormatOption> Formats { get; init; }

    /// <summary>The formats of <c>GET /v1/songs/{id}/stream</c>.</summary>
    public required IReadOnlyList<FormatOption> StreamFormats { get; init; }

    /// <summary>True if <c>reference.separate</c> can be used: a separator is configured.</summary>
    public required bool SeparatorAvailable { get; init; }

    /// <summary>Tags for the genre line.</summary>
    public required TagList Tags { get; init; }

    /// <summary>The fields of a song request, with their bounds and defaults.</summary>
    public required IReadOnlyList<OptionField> Fields { get; init; }
}

/// <summary>A model that requests can name.</summary>
/// <param name="Name">The name that requests use.</param>
/// <param name="Family">The model family, such as <c>yue1</c>.</param>
/// <param name="FamilyTitle">The model family in prose, such as <c>YuE 1</c>.</param>
/// <param name="Capabilities">What the model can do beyond a song from lyrics.</param>
/// <param name="Stages">The values of <c>stage</c> that the model takes, the default one first.</param>
/// <param name="Licence">The licence of the published models of the family.</param>
internal sealed record ModelOption(
    string Name,
    string Family,
    string FamilyTitle,
    IReadOnlyList<SongCapability> Capabilities,
    IReadOnlyList<SongScope> Stages,
    ModelLicence Licence);

/// <summary>A format of sound.</summary>
/// <param name="Name">The name that requests use.</param>
/// <param name="MediaType">The media type of the answer.</param>
/// <param name="Available">False if the program that makes it is not installed here.</param>
internal sealed record FormatOption(string Name, string MediaType, bool Available);

/// <summary>A field of a song request. Bounds that do not apply to its type are null.</summary>
internal sealed record OptionField
{
    /// <summary>The name, after the name of its object: <c>sampling.top_p</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The type of the value.</summary>
    public required OptionType Type { get; init; }

    /// <summary>The meaning.</summary>
    public required string Description { get; init; }

    /// <summary>True if a request needs the field. <c>default_text</c> says when it does not.</summary>
    public required bool Required { get; init; }

    /// <summary>The value of an absent field; null if there is none, or not a single one.</summary>
    public object? Default { get; init; }

    /// <summary>The meaning of an absent field, in words.</summary>
    public required string DefaultText { get; init; }

    /// <summary>The smallest number.</summary>
    public double? Minimum { get; init; }

    /// <summary>The largest number.</summary>
    public double? Maximum { get; init; }

    /// <summary>The fewest characters of a text.</summary>
    public int? MinLength { get; init; }

    /// <summary>The most characters of a text.</summary>
    public int? MaxLength { get; init; }

    /// <summary>A regular expression that the text matches.</summary>
    public string? Pattern { get; init; }

    /// <summary>The most items of an array.</summary>
    public int? MaxItems { get; init; }

    /// <summary>The most bytes of a file.</summary>
    public long? MaxBytes { get; init; }

    /// <summary>The longest sound in a file.</summary>
    public double? MaxSeconds { get; init; }

    /// <summary>The values that are allowed, names or numbers; null for any within the bounds.</summary>
    public IReadOnlyList<object>? Values { get; init; }

    /// <summary>The names of the models that take the field.</summary>
    public required IReadOnlyList<string> Models { get; init; }
}

/// <summary>The type of a field's value.</summary>
internal enum OptionType
{
    Text,
    Integer,
    Number,

    /// <summary>A number, or an array of numbers.</summary>
    Numbers,
    Boolean,

    /// <summary>One of the values.</summary>
    Choice,

    /// <summary>A sound file in base64, or a part of a multipart request.</summary>
    File,

    /// <summary>The id of a finished song, or codes.</summary>
    Song,
}
