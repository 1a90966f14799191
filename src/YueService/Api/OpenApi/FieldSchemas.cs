using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Yue.Engine.Songs;
using YueService.Api.Requests;

namespace YueService.Api.OpenApi;

/// <summary>The schemas of request fields.</summary>
internal static class FieldSchemas
{
    public const string Json = "application/json";

    /// <summary>Returns the description of a body, and adds its schema to the document.</summary>
    /// <param name="body">The body.</param>
    /// <param name="hasFiles">Whether files can come beside the JSON, as multipart/form-data.</param>
    /// <param name="document">Receives the schemas.</param>
    public static OpenApiRequestBody Body(ApiBody body, bool hasFiles, OpenApiDocument document)
    {
        var schema = Component(body.Name, body.Description, prefix: "", body.Fields, document);
        var content = new Dictionary<string, OpenApiMediaType> { [Json] = new() { Schema = schema } };
        if (hasFiles)
        {
            content["multipart/form-data"] = new() { Schema = Multipart(body.Fields.OfType<FileField>()) };
        }

        return new() { Required = true, Content = content };
    }

    /// <summary>Returns a reference to the schema of an object of fields, which the first call adds to the document.</summary>
    private static OpenApiSchemaReference Component(
        string name, string description, string prefix, IReadOnlyList<RequestField> fields, OpenApiDocument document)
    {
        var properties = new Dictionary<string, IOpenApiSchema>(StringComparer.Ordinal);
        foreach (var field in fields.Where(field => field.Path == prefix + field.Name))
        {
            properties[field.Name] = Of(field, document);
        }

        foreach (var parent in SongFields.Objects.Where(parent => prefix.Length == 0 && fields.Any(field => IsIn(field, parent))))
        {
            var nested = Component($"{name}{Capitalized(parent.Name)}", parent.Description, $"{parent.Name}.", fields, document);
            properties[parent.Name] = new OpenApiSchema { OneOf = [Null(), nested], Description = parent.Description };
        }

        document.AddComponent(name, new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            Description = description,
            Properties = properties,
            Required = fields.Where(field => field is { IsRequired: true, Otherwise: null }).Select(field => field.Name).ToHashSet(StringComparer.Ordinal),
        });
        return new(name, document);
    }

    private static bool IsIn(RequestField field, ObjectField parent) => field.Path.StartsWith($"{parent.Path}.", StringComparison.Ordinal);

    private static string Capitalized(string name) => $"{char.ToUpperInvariant(name[0])}{name[1..]}";

    private static OpenApiSchema Of(RequestField field, OpenApiDocument document)
    {
        var schema = Form(field, document);
        schema.Description = Describe(field);
        if (schema.Type is { } type && field is not { IsRequired: true, Otherwise: null })
        {
            schema.Type = type | JsonSchemaType.Null;
        }

        if (field is { DefaultJson: { } value, Otherwise: null })
        {
            schema.Default = JsonNode.Parse(value);
        }

        return schema;
    }

    private static OpenApiSchema Form(RequestField field, OpenApiDocument document) => field switch
    {
        TextField text => new()
        {
            Type = JsonSchemaType.String,
            MinLength = text.MinLength,
            MaxLength = text.MaxLength,
            Pattern = text.Characters is null ? null : $"^{text.Characters}*$",
        },
        WholeField { HasBounds: false } => new() { Type = JsonSchemaType.Integer, Format = "int64" },
        WholeField whole => new() { Type = JsonSchemaType.Integer, Format = "int32", Minimum = Plain(whole.Min), Maximum = Plain(whole.Max) },
        NumberField number => Number(number),
        NumbersField numbers => new()
        {
            OneOf =
            [
                Null(),
                Number(numbers.Item),
                new OpenApiSchema { Type = JsonSchemaType.Array, MinItems = 1, MaxItems = numbers.MaxItems, Items = Number(numbers.Item) },
            ],
        },
        FlagField => new() { Type = JsonSchemaType.Boolean },
        NamesField names => new()
        {
            Type = JsonSchemaType.String,
            Enum = [.. names.Names.Select(name => (JsonNode)name), JsonNullSentinel.JsonNull],
        },
        NumberChoiceField choice => new()
        {
            Type = JsonSchemaType.Integer,
            Format = "int32",
            Enum = [.. choice.Values.Select(value => (JsonNode)value), JsonNullSentinel.JsonNull],
        },
        FileField => new() { Type = JsonSchemaType.String, Format = "byte" },
        SongField => new()
        {
            OneOf = [Null(), new OpenApiSchema { Type = JsonSchemaType.String }, new OpenApiSchemaReference(nameof(SongCodes), document)],
        },
        _ => throw new ArgumentOutOfRangeException(nameof(field), field, null),
    };

    /// <summary>Returns the description of a field, with the default and the bounds that the schema cannot tell.</summary>
    private static string Describe(RequestField field)
    {
        var bounds = field is FileField or SongField ? $" Send {field.Bounds}." : "";
        var otherwise = field switch
        {
            { DefaultJson: not null, Otherwise: null } or { DefaultText: null, Otherwise: null } => "",
            { IsRequired: true } => $" Required, or {field.Otherwise}.",
            _ => $" Default: {field.FullDefaultText}.",
        };
        return $"{field.Description}{bounds}{otherwise}";
    }

    private static OpenApiSchema Number(NumberField number) =>
        new() { Type = JsonSchemaType.Number, Format = "double", Minimum = Plain(number.Min), Maximum = Plain(number.Max) };

    private static OpenApiSchema Null() => new() { Type = JsonSchemaType.Null };

    private static OpenApiSchema Multipart(IEnumerable<FileField> files)
    {
        var properties = files.ToDictionary(
            file => file.Path,
            file => (IOpenApiSchema)new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary", Description = $"The file of {file.Path}." });
        properties[MultipartBody.JsonPart] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "The JSON of the request." };
        return new()
        {
            Type = JsonSchemaType.Object,
            Required = new HashSet<string>(StringComparer.Ordinal) { MultipartBody.JsonPart },
            Properties = properties,
        };
    }

    private static string Plain(IFormattable number) => number.ToString(null, CultureInfo.InvariantCulture);
}
