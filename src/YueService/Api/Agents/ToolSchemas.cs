using System.Globalization;
using System.Text.Json;
using Microsoft.OpenApi;
using YueService.Api.OpenApi;
using YueService.Api.Requests;

namespace YueService.Api.Agents;

/// <summary>The arguments of tools as JSON schemas, made from the declarations of the HTTP API.</summary>
internal static class ToolSchemas
{
    /// <summary>Returns the schema of arguments that are fields of a body.</summary>
    public static JsonElement Of(string description, params IReadOnlyList<RequestField> fields) =>
        Serialize(FieldSchemas.Of(description, fields, new OpenApiDocument()));

    /// <summary>Returns the schema of arguments that are parameters of a query.</summary>
    public static JsonElement Of(string description, IReadOnlyList<ApiParameter> parameters) => Serialize(new()
    {
        Type = JsonSchemaType.Object,
        Description = description,
        Properties = parameters.ToDictionary(parameter => parameter.Name, Of, StringComparer.Ordinal),
    });

    private static IOpenApiSchema Of(ApiParameter parameter)
    {
        var schema = ApiSchemas.Of(parameter);
        schema.Description = parameter.Description;
        return schema;
    }

    private static JsonElement Serialize(OpenApiSchema schema)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        schema.SerializeAsV31(new OpenApiJsonWriter(text));
        return JsonElement.Parse(text.ToString());
    }
}
