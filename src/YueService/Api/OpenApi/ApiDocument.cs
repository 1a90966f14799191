using System.Globalization;
using Microsoft.OpenApi;
using YueService.Api.Requests;
using YueService.Telemetry;

namespace YueService.Api.OpenApi;

/// <summary>The description of the API at <c>/openapi/v1.json</c>.</summary>
internal static class ApiDocument
{
    private const string BearerScheme = "api_key";

    public static void AddApiDocument(this IServiceCollection services) => services.AddOpenApi("v1", options =>
    {
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "YueService",
                Version = ServiceIdentity.Version,
                Description = "Turns lyrics and a genre line into a song with the YuE models. Errors are problem details (RFC 9457) "
                    + "whose type is a stable urn:yue:… name. Below /v1, unknown query parameters cause a 422.",
            };
            document.Components ??= new OpenApiComponents();
            document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
            {
                [BearerScheme] = new OpenApiSecurityScheme
                {
                    Type = SecuritySchemeType.Http,
                    Scheme = "bearer",
                    Description = "If the service has an API key, every endpoint except /health and /v1/session requires it.",
                },
            };
            document.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(BearerScheme, document)] = [] }];
            return Task.CompletedTask;
        });
        options.AddSchemaTransformer((schema, _, _) =>
        {
            ApiSchemas.CompleteEnum(schema);
            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            if (context.Description.HttpMethod == HttpMethods.Head)
            {
                // The GET operation already has the endpoint's name.
                operation.OperationId += HttpMethods.Head;
            }

            Complete(operation, context.Description.ActionDescriptor.EndpointMetadata, context.Document!);
            return Task.CompletedTask;
        });
    });

    public static void MapApiDocument(this IEndpointRouteBuilder routes) =>
        // Only the existing document is mapped, because the library responds to other names in plain text.
        routes.MapOpenApi("/openapi/{documentName:regex(^v1$)}.json");

    /// <summary>Describes an endpoint, including the parameters and responses that the framework cannot infer from its handler.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="summary">The purpose in one line.</param>
    /// <param name="description">More information for callers.</param>
    /// <param name="details">Parameters and responses: <see cref="ApiParameter"/>, <see cref="ApiResponse"/> and
    /// <see cref="ApiForms"/>.</param>
    public static TBuilder Describe<TBuilder>(
        this TBuilder endpoint, string summary, string description, params object[] details)
        where TBuilder : IEndpointConventionBuilder => endpoint.WithSummary(summary).WithDescription(description).WithMetadata(details);

    /// <summary>Describes the JSON that an endpoint reads itself.</summary>
    public static RouteHandlerBuilder ReadsJson(this RouteHandlerBuilder endpoint, ApiBody body) => endpoint.WithMetadata(body);

    private static void Complete(OpenApiOperation operation, IList<object> metadata, OpenApiDocument document)
    {
        if (metadata.OfType<ApiBody>().SingleOrDefault() is { } body)
        {
            operation.RequestBody = FieldSchemas.Body(body, document);
        }

        if (metadata.OfType<ApiFile>().SingleOrDefault() is { } file)
        {
            operation.RequestBody = new OpenApiRequestBody
            {
                Required = true,
                Description = file.Description,
                Content = new Dictionary<string, OpenApiMediaType>
                {
                    [file.MediaType] = new() { Schema = new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" } },
                },
            };
        }

        foreach (var parameter in metadata.OfType<ApiParameter>())
        {
            operation.Parameters ??= [];
            operation.Parameters.Add(new OpenApiParameter
            {
                Name = parameter.Name,
                In = parameter.IsHeader ? ParameterLocation.Header : ParameterLocation.Query,
                Description = parameter.Description,
                Schema = ApiSchemas.Of(parameter),
            });
        }

        foreach (var forms in metadata.OfType<ApiForms>())
        {
            var response = operation.Responses![forms.Status.ToString(CultureInfo.InvariantCulture)];
            response.Content!["application/json"].Schema = new OpenApiSchema
            {
                OneOf = [.. forms.Schemas.Select(schema => new OpenApiSchemaReference(schema, document))],
            };
        }

        foreach (var response in metadata.OfType<ApiResponse>())
        {
            operation.Responses ??= [];
            operation.Responses[response.Status.ToString(CultureInfo.InvariantCulture)] = new OpenApiResponse
            {
                Description = response.Description,
                Content = response.MediaTypes.ToDictionary(
                    type => type, type => new OpenApiMediaType { Schema = ApiSchemas.Of(type, document) }),
            };
        }
    }
}

/// <summary>A parameter that an endpoint reads itself.</summary>
/// <param name="Name">The name in the request.</param>
/// <param name="Description">Its meaning.</param>
/// <param name="IsHeader">True for a header, false for a query parameter.</param>
/// <param name="Values">The allowed values; empty if any text or a whole number is allowed.</param>
internal sealed record ApiParameter(string Name, string Description, bool IsHeader, params IReadOnlyList<string> Values)
{
    /// <summary>The smallest and the largest value of a whole number; null for text.</summary>
    public (int Min, int Max)? Bounds { get; init; }
}

/// <summary>A JSON body that an endpoint reads itself.</summary>
/// <param name="Name">The name of its schema.</param>
/// <param name="Description">The description.</param>
/// <param name="Fields">The fields, including those of objects. If they include sound files, the body can also be
/// multipart/form-data.</param>
/// <param name="Example">A valid body.</param>
internal sealed record ApiBody(string Name, string Description, IReadOnlyList<RequestField> Fields, string Example);

/// <summary>A body that is a file.</summary>
/// <param name="MediaType">Its type.</param>
/// <param name="Description">The description.</param>
internal sealed record ApiFile(string MediaType, string Description)
{
    /// <summary>A sound file.</summary>
    public static ApiFile Sound { get; } = new("application/octet-stream", "The sound file itself; its type may also be audio/*.");
}

/// <summary>A response in addition to those of the endpoint's return type.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Description">The case in which it is returned.</param>
/// <param name="MediaTypes">The media types of the body; empty for none.</param>
internal sealed record ApiResponse(int Status, string Description, params IReadOnlyList<string> MediaTypes)
{
    /// <summary>Returns a response with problem details.</summary>
    public static ApiResponse Problem(int status, string description) => new(status, description, "application/problem+json");
}

/// <summary>The alternative schemas of a JSON response. The framework keeps only the last one.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Schemas">The names of the schemas, from the endpoint's return type. Some client generators use only the first one.</param>
internal sealed record ApiForms(int Status, params IReadOnlyList<string> Schemas);
