using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Scalar.AspNetCore;
using YueService.Api.Requests;
using YueService.Telemetry;

namespace YueService.Api.OpenApi;

/// <summary>The description of the interface at <c>/openapi/v1.json</c> and the page to read it at <c>/docs</c>.</summary>
internal static class ApiDocument
{
    private const string BearerScheme = "api_key";
    private const string AnyType = "*/*";

    public static void AddApiDocument(this IServiceCollection services) => services.AddOpenApi("v1", options =>
    {
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "YueService",
                Version = ServiceIdentity.Version,
                Description = "Lyrics and a genre line in, a song out: the YuE models as a service. Errors are problem details (RFC 9457) "
                    + "whose type is a stable urn:yue:… name.",
            };
            document.Components ??= new OpenApiComponents();
            document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
            {
                [BearerScheme] = new OpenApiSecurityScheme
                {
                    Type = SecuritySchemeType.Http,
                    Scheme = "bearer",
                    Description = "Needed on everything but health where the service has an API key.",
                },
            };
            document.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(BearerScheme, document)] = [] }];
            return Task.CompletedTask;
        });
        options.AddSchemaTransformer(OneOfAttribute.CompleteAsync);
        options.AddSchemaTransformer((schema, _, _) =>
        {
            ApiSchemas.CompleteEnum(schema);
            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            if (context.Description.HttpMethod == HttpMethods.Head)
            {
                // The endpoint's name belongs to its GET.
                operation.OperationId += HttpMethods.Head;
            }

            Complete(operation, context.Description.ActionDescriptor.EndpointMetadata, context.Document!);
            return Task.CompletedTask;
        });
    });

    public static void MapApiDocument(this IEndpointRouteBuilder routes)
    {
        // Only the document that exists: for others the library answers in plain text.
        routes.MapOpenApi("/openapi/{documentName:regex(^v1$)}.json");
        routes.MapScalarApiReference("/docs", scalar => scalar.WithTitle("YueService"));
    }

    /// <summary>Describes an endpoint that reads its request itself.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="summary">What it does, in a line.</param>
    /// <param name="description">What a caller should know besides.</param>
    /// <param name="details">Its parameters, example and answers.</param>
    public static TBuilder Describe<TBuilder>(
        this TBuilder endpoint, string summary, string description, params object[] details)
        where TBuilder : IEndpointConventionBuilder => endpoint.WithSummary(summary).WithDescription(description).WithMetadata(details);

    /// <summary>Describes the JSON that an endpoint reads itself. Routing lets any body pass: the endpoint refuses with the way out.</summary>
    public static RouteHandlerBuilder ReadsJson<TBody>(this RouteHandlerBuilder endpoint)
        where TBody : notnull => endpoint.Accepts<TBody>("application/json", AnyType);

    /// <summary>Describes that the JSON may come with files, as multipart/form-data.</summary>
    public static RouteHandlerBuilder ReadsFiles(this RouteHandlerBuilder endpoint) => endpoint.WithMetadata(new ApiFiles());

    private static OpenApiMediaType Multipart() => new()
    {
        Schema = new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            Required = new HashSet<string>(StringComparer.Ordinal) { MultipartBody.JsonPart },
            Properties = ReferenceReader.FileNames.ToDictionary(
                name => name,
                name => (IOpenApiSchema)new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary", Description = $"The file of {name}." })
                .Append(new(MultipartBody.JsonPart, new OpenApiSchema { Type = JsonSchemaType.String, Description = "The JSON of the request." }))
                .ToDictionary(StringComparer.Ordinal),
        },
    };

    private static void Complete(OpenApiOperation operation, IList<object> metadata, OpenApiDocument document)
    {
        operation.RequestBody?.Content?.Remove(AnyType);
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

        foreach (var example in metadata.OfType<ApiExample>())
        {
            foreach (var content in operation.RequestBody?.Content?.Values ?? [])
            {
                content.Example = JsonNode.Parse(example.Json);
            }
        }

        if (metadata.OfType<ApiFiles>().Any())
        {
            operation.RequestBody?.Content?.Add("multipart/form-data", Multipart());
        }

        foreach (var answer in metadata.OfType<ApiAnswer>())
        {
            operation.Responses ??= [];
            operation.Responses[answer.Status.ToString(CultureInfo.InvariantCulture)] = new OpenApiResponse
            {
                Description = answer.Description,
                Content = answer.MediaTypes.ToDictionary(type => type, type => new OpenApiMediaType { Schema = ApiSchemas.Of(type, document) }),
            };
        }
    }
}

/// <summary>A parameter that an endpoint reads itself.</summary>
/// <param name="Name">As in the request.</param>
/// <param name="Description">Its meaning.</param>
/// <param name="IsHeader">True for a header, false for a query parameter.</param>
/// <param name="Values">The allowed values; empty for any text.</param>
internal sealed record ApiParameter(string Name, string Description, bool IsHeader, params IReadOnlyList<string> Values)
{
    /// <summary>The smallest and the largest value of a whole number; null for text.</summary>
    public (int Min, int Max)? Bounds { get; init; }
}

/// <summary>Marks an endpoint that takes files beside its JSON.</summary>
internal sealed record ApiFiles;

/// <summary>A body that works.</summary>
internal sealed record ApiExample(string Json);

/// <summary>An answer besides those that the endpoint's type tells.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Description">When it comes.</param>
/// <param name="MediaTypes">The forms of the body; empty for none.</param>
internal sealed record ApiAnswer(int Status, string Description, params IReadOnlyList<string> MediaTypes)
{
    /// <summary>An answer with problem details.</summary>
    public static ApiAnswer Problem(int status, string description) => new(status, description, "application/problem+json");
}
