using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Yue.Engine.Songs;
using YueService.Api.Requests;

namespace YueService.Api.OpenApi;

/// <summary>The schemas of request fields.</summary>
internal static class FieldSchemas
{
    private const string Json = "application/json";

    /// <summary>Returns a reference to the description of a body, which the first call adds to the document.</summary>
    /// <remarks>The schemas are inlined in the body: in referenced schemas, openapi-typescript makes fields with a default
    /// required.</remarks>
    public static OpenApiRequestBodyReference Body(ApiBody body, OpenApiDocument document)
    {
        var schema = Of(body.Description, body.Fields, document);
        schema.Title = body.Name;
        var json = new OpenApiMediaType { Schema = schema, Example = JsonNode.Parse(body.Example) };
        var content = new Dictionary<string, OpenApiMediaType> { [Json] = json };
        if (body.Fields.OfType<FileField>().ToList() is { Count: > 0 } files)
        {
            content["multipart/form-data"] = new() { Schema = Multipart(files) };
        }

        document.AddComponent(body.Name, new OpenApiRequestBody { Required = true, Content = content });
        return new(body.Name, document);
    }

    /// <summary>Returns the schema of an object with fields, including those of nested objects.</summary>
    /// <param name="description">The description of the object.</param>
    /// <param name="fields">The fields.</param>
    /// <param name="document">The document that contains the schemas of other objects.</param>
    public static OpenApiSchema Of(string description, IReadOnlyList<RequestField> fields, OpenApiDocument document)
    {
        var schema = Object(description, fields.Where(field => field.Path == field.Name), document);
        foreach (var parent in SongFields.Objects.Where(parent => fields.Any(field => IsIn(field, parent))))
        {
            var nested = Object(parent.Description, fields.Where(field => IsIn(field, parent)), document);
            schema.Properties![parent.Name] = new OpenApiSchema { OneOf = [Null(), nested], Description = parent.Description };
        }

        return schema;
    }

    private static OpenApiSchema Object(string description, IEnumerable<RequestField> fields, OpenApiDocument document) => new()
    {
        Type = JsonSchemaType.Object,
        Description = description,
        Properties = fields.ToDictionary(field => field.Name, field => (IOpenApiSchema)Of(field, document), StringComparer.Ordinal),
        Required = fields.Where(IsAlwaysRequired).Select(field => field.Name).ToHashSet(StringComparer.Ordinal),
    };

    private static bool IsAlwaysRequired(RequestField field) => field is { IsRequired: true, Otherwise: null };

    /// <summary>Returns true if the schema contains the field's default. Some generated clients send this default even if the user did not
    /// set the field, so a default that depends on other fields is left out. Defaults that are names are also left out, because NSwag's
    /// clients capitalize enumeration names unless they use System.Text.Json 9.</summary>
    private static bool HasDefault(RequestField field) => field is { DefaultJson: not null, Otherwise: null } and not NamesField;

    private static bool IsIn(RequestField field, ObjectField parent) => field.Path.StartsWith($"{parent.Path}.", StringComparison.Ordinal);

    private static OpenApiSchema Of(RequestField field, OpenApiDocument document)
    {
        var schema = Form(field, document);
        schema.Description = Describe(field);
        if (schema.Type is { } type && !IsAlwaysRequired(field))
        {
            schema.Type = type | JsonSchemaType.Null;
        }

        if (HasDefault(field))
        {
            schema.Default = JsonNode.Parse(field.DefaultJson!);
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
        WholeField whole => new()
        {
            Type = JsonSchemaType.Integer,
            Format = "int32",
            Minimum = Plain(whole.Min),
            Maximum = Plain(whole.Max),
        },
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

    /// <summary>Returns the description of a field, with the default and the bounds that the schema cannot express.</summary>
    private static string Describe(RequestField field)
    {
        var bounds = field is FileField or SongField ? $" Send {field.Bounds}." : "";
        var otherwise = field switch
        {
            _ when HasDefault(field) || field is { DefaultText: null, Otherwise: null } => "",
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
        var properties = files.ToDictionary(file => file.Path, file => (IOpenApiSchema)new OpenApiSchema
        {
            Type = JsonSchemaType.String,
            Format = "binary",
            Description = $"The file for {file.Path}.",
        });
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
