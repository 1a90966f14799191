using System.Text.Json.Nodes;
using Microsoft.OpenApi;

namespace YueService.Api.OpenApi;

/// <summary>Schemas that the framework leaves incomplete, in the form that client generators need.</summary>
internal static class ApiSchemas
{
    private const string ProblemName = "Problem";

    /// <summary>Sets the type of an enumeration, which is always string in this API.</summary>
    public static void CompleteEnum(OpenApiSchema schema)
    {
        if (schema is { Enum.Count: > 0, Type: null })
        {
            schema.Type = JsonSchemaType.String;
        }
    }

    /// <summary>Returns the schema of a body by its media type: a problem, a sound file, or text.</summary>
    public static IOpenApiSchema Of(string mediaType, OpenApiDocument document) => mediaType switch
    {
        "application/problem+json" => Problem(document),
        _ when mediaType.StartsWith("audio/", StringComparison.Ordinal) =>
            new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" },
        _ => new OpenApiSchema { Type = JsonSchemaType.String },
    };

    /// <summary>Returns a reference to the schema of problem details, which the first call adds to the document.</summary>
    private static OpenApiSchemaReference Problem(OpenApiDocument document)
    {
        document.AddComponent(ProblemName, new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            Description = "Problem details (RFC 9457).",
            Required = new HashSet<string>(StringComparer.Ordinal) { "type", "title", "status", "detail", "trace_id" },
            Properties = new Dictionary<string, IOpenApiSchema>(StringComparer.Ordinal)
            {
                ["type"] = Text("The stable name of the kind of problem, such as urn:yue:invalid-request."),
                ["title"] = Text("The kind of problem in words."),
                ["status"] = new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int32", Description = "The HTTP status." },
                ["detail"] = Text("The error and how to fix it."),
                ["trace_id"] = Text("The W3C trace identifier of the request."),
                ["errors"] = new OpenApiSchema
                {
                    Type = JsonSchemaType.Object,
                    Description = "With 422: the messages for each invalid field.",
                    AdditionalProperties = new OpenApiSchema { Type = JsonSchemaType.Array, Items = Text(null) },
                },
                ["error"] = new OpenApiSchema
                {
                    Type = JsonSchemaType.Object,
                    Description = "The problem in the format that OpenAI's clients expect; only on paths that such clients call.",
                    Properties = new Dictionary<string, IOpenApiSchema>(StringComparer.Ordinal)
                    {
                        ["message"] = Text("The same as the problem's detail."),
                        ["type"] = Text("The kind of error, by the name that these clients know."),
                        ["code"] = Text("The same as the problem's type."),
                    },
                },
            },
        });
        return new OpenApiSchemaReference(ProblemName, document);
    }

    private static OpenApiSchema Text(string? description) => new() { Type = JsonSchemaType.String, Description = description };

    /// <summary>Returns the schema of a parameter: text, an enumeration, or an integer within bounds.</summary>
    public static OpenApiSchema Of(ApiParameter parameter) => parameter.Bounds is var (min, max)
        ? new() { Type = JsonSchemaType.Integer, Format = "int32", Minimum = $"{min}", Maximum = $"{max}" }
        : new()
        {
            Type = JsonSchemaType.String,
            Enum = parameter.Values.Count == 0 ? null : [.. parameter.Values.Select(value => (JsonNode)value)],
        };
}
