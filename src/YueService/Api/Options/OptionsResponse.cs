using Yue.Engine.Songs;

namespace YueService.Api.Options;

/// <summary>The values that song requests to this service can contain.</summary>
internal sealed record OptionsResponse
{
    /// <summary>The models that <c>model</c> can name, the default model first; empty until they are known.</summary>
    public required IReadOnlyList<ModelOption> Models { get; init; }

    /// <summary>The file formats that <c>output.format</c> can name.</summary>
    public required IReadOnlyList<FormatOption> Formats { get; init; }

    /// <summary>The formats of <c>GET /v1/songs/{id}/stream</c>.</summary>
    public required IReadOnlyList<FormatOption> StreamFormats { get; init; }

    /// <summary>True if <c>reference.separate</c> can be used, because a separator is configured.</summary>
    public required bool SeparatorAvailable { get; init; }

    /// <summary>Tags for the genre line.</summary>
    public required TagList Tags { get; init; }

    /// <summary>The fields of a song request, with their bounds and defaults.</summary>
    public required IReadOnlyList<OptionField> Fields { get; init; }
}

/// <summary>A model that requests can name.</summary>
/// <param name="Name">The name that requests use.</param>
/// <param name="Family">The model family, such as <c>yue1</c>.</param>
/// <param name="FamilyTitle">The display name of the model family, such as <c>YuE 1</c>.</param>
/// <param name="Capabilities">The features of the model beyond making a song from lyrics.</param>
/// <param name="Stages">The values of <c>stage</c> that the model supports, the default first.</param>
/// <param name="Licence">The license of the published models of the family.</param>
internal sealed record ModelOption(
    string Name,
    string Family,
    string FamilyTitle,
    IReadOnlyList<SongCapability> Capabilities,
    IReadOnlyList<SongScope> Stages,
    ModelLicence Licence);

/// <summary>An audio format.</summary>
/// <param name="Name">The name that requests use.</param>
/// <param name="MediaType">The media type of the response.</param>
/// <param name="Available">False if the program that encodes it is not installed on the server.</param>
internal sealed record FormatOption(string Name, string MediaType, bool Available);

/// <summary>A field of a song request. Bounds that do not apply to its type are null.</summary>
internal sealed record OptionField
{
    /// <summary>The name, with the name of its object as a prefix: <c>sampling.top_p</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The type of the value.</summary>
    public required OptionType Type { get; init; }

    /// <summary>The meaning.</summary>
    public required string Description { get; init; }

    /// <summary>True if the field is required. <c>default_text</c> lists the exceptions.</summary>
    public required bool Required { get; init; }

    /// <summary>The default value; null if there is none, or if it depends on other fields.</summary>
    public object? Default { get; init; }

    /// <summary>The default in words.</summary>
    public required string DefaultText { get; init; }

    /// <summary>The minimum of a number.</summary>
    public double? Minimum { get; init; }

    /// <summary>The maximum of a number.</summary>
    public double? Maximum { get; init; }

    /// <summary>The minimum number of characters in the text.</summary>
    public int? MinLength { get; init; }

    /// <summary>The maximum number of characters in the text.</summary>
    public int? MaxLength { get; init; }

    /// <summary>A regular expression that the text must match.</summary>
    public string? Pattern { get; init; }

    /// <summary>The maximum number of items in an array.</summary>
    public int? MaxItems { get; init; }

    /// <summary>The maximum size of a file in bytes.</summary>
    public long? MaxBytes { get; init; }

    /// <summary>The maximum length of the sound in a file, in seconds.</summary>
    public double? MaxSeconds { get; init; }

    /// <summary>The allowed values (names or numbers); null if any value within the bounds is allowed.</summary>
    public IReadOnlyList<object>? Values { get; init; }

    /// <summary>The names of the models that support the field.</summary>
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

    /// <summary>One of the allowed values.</summary>
    Choice,

    /// <summary>A sound file in base64, or a part of a multipart request.</summary>
    File,

    /// <summary>The id of a finished song, or codes.</summary>
    Song,
}
