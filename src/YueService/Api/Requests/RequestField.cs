using System.Globalization;
using System.Text.Json;
using Yue.Engine.Audio;

namespace YueService.Api.Requests;

/// <summary>The declaration of a request field. It is used when requests are read, and for the OpenAPI document,
/// the command line and docs/api.md.</summary>
internal abstract record RequestField
{
    protected RequestField(string path, string description) => (Path, SongPath, Description) = (path, path, description);

    /// <summary>The name in the JSON, with the name of its object as a prefix: <c>sampling.top_p</c>.</summary>
    public string Path { get; init; }

    /// <summary>The path of the same field in a song request. Model families list the fields that they support by this path.</summary>
    public string SongPath { get; }

    /// <summary>The name in its object.</summary>
    public string Name => Path[(Path.LastIndexOf('.') + 1)..];

    /// <summary>The meaning, in sentences. Names of fields are in backticks.</summary>
    public string Description { get; init; }

    /// <summary>True if the field is required. With <see cref="Otherwise"/>, it is required only if that does not apply.</summary>
    public bool IsRequired { get; init; }

    /// <summary>The default in words, if it is not a single value.</summary>
    public string? DefaultWords { get; init; }

    /// <summary>An additional default that depends on other fields. Sending the default value then differs from leaving the field
    /// out.</summary>
    public string? Otherwise { get; init; }

    /// <summary>The option of <c>yue generate</c>; null if there is none.</summary>
    public FieldOption? Option { get; init; }

    /// <summary>True if the service handles the field itself, with the models of every family.</summary>
    public bool IsForEveryFamily { get; init; }

    /// <summary>The default, as JSON or in words; null if there is none.</summary>
    public string? DefaultText => DefaultWords ?? DefaultJson;

    /// <summary>The default, including <see cref="Otherwise"/>.</summary>
    public string FullDefaultText =>
        $"{(IsRequired ? "required" : DefaultText ?? "none")}{(Otherwise is null ? "" : $", or {Otherwise}")}";

    /// <summary>The default as JSON; null if it is not one value.</summary>
    public virtual string? DefaultJson => null;

    /// <summary>The JSON kind of the field's value; <see cref="JsonValueKind.True"/> for true and false.</summary>
    public abstract JsonValueKind Kind { get; }

    /// <summary>The values that can be sent, for messages: <c>a number from 0.01 to 1</c>.</summary>
    public abstract string Expected { get; }

    /// <summary>The values that can be sent, for tables: <c>0.01 to 1</c>.</summary>
    public abstract string Bounds { get; }

    /// <summary>The values that can be sent, for the command line's help: <c>X</c>.</summary>
    public abstract string Placeholder { get; }

    /// <summary>Returns alternatives as a part of a sentence: <c>a, b or c</c>.</summary>
    public static string OneOf(IEnumerable<string> values) => values.ToArray() is [.. var first, var last] && first.Length > 0
        ? $"{string.Join(", ", first)} or {last}"
        : string.Concat(values);

    protected static string Plain(IFormattable number) => number.ToString(null, CultureInfo.InvariantCulture);

    /// <summary>Formats a number with commas between thousands.</summary>
    protected static string Grouped(IFormattable number) => number.ToString("#,0.####", CultureInfo.InvariantCulture);
}

/// <summary>The option of <c>yue generate</c> for a field.</summary>
/// <param name="Name">The name, such as <c>--top-p</c>.</param>
internal sealed record FieldOption(string Name)
{
    /// <summary>The placeholder in the help; null to use the field's own.</summary>
    public string? Placeholder { get; init; }

    /// <summary>True if the option names a file from which the value is read or to which it is written.</summary>
    public bool IsFile { get; init; }

    /// <summary>Information about the option that is not in the description.</summary>
    public string? Note { get; init; }

    /// <summary>The default of the option; null if it is the same as the field's.</summary>
    public string? Default { get; init; }
}

/// <summary>Text with a minimum and a maximum number of Unicode characters.</summary>
internal sealed record TextField(string Path, string Description, int MinLength, int MaxLength) : RequestField(Path, Description)
{
    public string? Default { get; init; }

    /// <summary>The characters that the text may contain, as a regular expression class; null for all.</summary>
    public string? Characters { get; init; }

    /// <summary>The name of these characters in messages.</summary>
    public string CharacterNames { get; init; } = "characters";

    public override string? DefaultJson => Default is null ? null : $"\"{Default}\"";

    public override JsonValueKind Kind => JsonValueKind.String;

    public override string Expected => $"text of {MinLength} to {MaxLength} {CharacterNames}";

    public override string Bounds => $"{(MinLength == 0 ? "up" : Plain(MinLength))} to {Grouped(MaxLength)} {CharacterNames}";

    public override string Placeholder => "TEXT";
}

/// <summary>A whole number within inclusive bounds.</summary>
internal sealed record WholeField(string Path, string Description, long Min, long Max) : RequestField(Path, Description)
{
    public long? Default { get; init; }

    public bool HasBounds => (Min, Max) != (long.MinValue, long.MaxValue);

    public override string? DefaultJson => Default is { } value ? Plain(value) : null;

    public override JsonValueKind Kind => JsonValueKind.Number;

    public override string Expected => $"a whole number from {Plain(Min)} to {Plain(Max)}";

    public override string Bounds => HasBounds ? $"{Grouped(Min)} to {Grouped(Max)}" : "any signed 64-bit integer";

    public override string Placeholder => "N";
}

/// <summary>A number within inclusive bounds.</summary>
internal sealed record NumberField(string Path, string Description, double Min, double Max) : RequestField(Path, Description)
{
    public double? Default { get; init; }

    public override string? DefaultJson => Default is { } value ? Plain(value) : null;

    public override JsonValueKind Kind => JsonValueKind.Number;

    public override string Expected => $"a number from {Plain(Min)} to {Plain(Max)}";

    public override string Bounds => $"{Grouped(Min)} to {Grouped(Max)}";

    public override string Placeholder => "X";
}

/// <summary>A number within bounds, or an array of such numbers.</summary>
internal sealed record NumbersField(string Path, string Description, double Min, double Max, int MaxItems) : RequestField(Path, Description)
{
    /// <summary>The field that describes one of the numbers.</summary>
    public NumberField Item => new(Path, Description, Min, Max) { DefaultWords = DefaultWords };

    /// <summary>The expected array, for messages.</summary>
    public string ExpectedArray => $"an array of 1 to {Plain(MaxItems)} numbers";

    public override JsonValueKind Kind => JsonValueKind.Number;

    public override string Expected => $"{Item.Expected} or an array of such numbers";

    public override string Bounds => $"{Item.Bounds}, or an array of 1 to {Grouped(MaxItems)} such numbers";

    public override string Placeholder => "X[,X…]";
}

/// <summary>True or false.</summary>
internal sealed record FlagField(string Path, string Description) : RequestField(Path, Description)
{
    public bool Default { get; init; }

    public override string? DefaultJson => DefaultWords is not null ? null : Default ? "true" : "false";

    public override JsonValueKind Kind => JsonValueKind.True;

    public override string Expected => "true or false";

    public override string Bounds => Expected;

    public override string Placeholder => "";
}

/// <summary>One of a few names.</summary>
internal abstract record NamesField(string Path, string Description, IReadOnlyList<string> Names) : RequestField(Path, Description)
{
    public override JsonValueKind Kind => JsonValueKind.String;

    public override string Expected => OneOf(Names.Select(name => $"\"{name}\""));

    public override string Bounds => string.Join(", ", Names.Select(name => $"`{name}`"));

    public override string Placeholder => string.Join('|', Names);
}

/// <summary>One of a few names, each with its value.</summary>
internal sealed record ChoiceField<T>(string Path, string Description, params IReadOnlyList<(string Name, T Value)> Choices)
    : NamesField(Path, Description, [.. Choices.Select(choice => choice.Name)])
{
    /// <summary>The default name; null if the default is not one of the names.</summary>
    public string? Default { get; init; }

    public override string? DefaultJson => Default is null ? null : $"\"{Default}\"";
}

/// <summary>One of a few whole numbers.</summary>
internal sealed record NumberChoiceField(string Path, string Description, params IReadOnlyList<int> Values)
    : RequestField(Path, Description)
{
    public required int Default { get; init; }

    public override string DefaultJson => Plain(Default);

    public override JsonValueKind Kind => JsonValueKind.Number;

    public override string Expected => OneOf(Values.Select(value => Plain(value)));

    public override string Bounds => Expected;

    public override string Placeholder => string.Join('|', Values.Select(value => Plain(value)));
}

/// <summary>A sound file: base64 in the JSON, or a part of a multipart request.</summary>
internal sealed record FileField(string Path, string Description) : RequestField(Path, Description)
{
    public override JsonValueKind Kind => JsonValueKind.String;

    public override string Expected => $"a {AudioDecoder.Kinds} file in base64, of at most {AudioDecoder.MaxBytes >> 20} MiB";

    public override string Bounds =>
        $"{AudioDecoder.Kinds}, at most {AudioDecoder.MaxBytes >> 20} MiB and {AudioDecoder.MaxDurationSeconds / 60} minutes";

    public override string Placeholder => "FILE";
}

/// <summary>An object of fields.</summary>
internal sealed record ObjectField(string Path, string Description) : RequestField(Path, Description)
{
    public override JsonValueKind Kind => JsonValueKind.Object;

    public override string Expected => "an object";

    public override string Bounds => Expected;

    public override string Placeholder => "";
}

/// <summary>An array of whole numbers within bounds, or of objects.</summary>
internal sealed record ArrayField(string Path, string Description, int MinItems, int MaxItems) : RequestField(Path, Description)
{
    /// <summary>The bounds of its whole numbers; null for an array of objects.</summary>
    public WholeField? Item { get; init; }

    public override JsonValueKind Kind => JsonValueKind.Array;

    public override string Expected => $"an array of {Plain(MinItems)} to {Plain(MaxItems)} {(Item is null ? "objects" : "whole numbers")}";

    public override string Bounds => Item is null
        ? $"{Grouped(MinItems)} to {Grouped(MaxItems)} objects"
        : $"{Grouped(MinItems)} to {Grouped(MaxItems)} whole numbers, {Item.Bounds}";

    public override string Placeholder => "";
}

/// <summary>A finished song: its id, or its codes.</summary>
internal sealed record SongField(string Path, string Description) : RequestField(Path, Description)
{
    public override JsonValueKind Kind => JsonValueKind.String;

    public override string Expected => Bounds.Replace("`", "", StringComparison.Ordinal);

    public override string Bounds => "the id of a finished song, or codes as returned with `return_codes`";

    public override string Placeholder => "FILE";
}
