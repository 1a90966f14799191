using Microsoft.AspNetCore.Http.Metadata;
using YueService.Api.Errors;
using YueService.Api.Requests;

namespace YueService.Api.OpenApi;

/// <summary>Rejects query parameters in requests to endpoints that take none. Endpoints with parameters check them themselves.</summary>
/// <remarks>Applies to paths below <c>/v1</c>. <c>/predict</c> and <c>/health</c> ignore parameters, as the earlier Python service
/// did.</remarks>
internal static class UnknownParameters
{
    public static void UseParameterCheck(this IApplicationBuilder app) => app.Use((http, next) =>
    {
        if (http.Request.Query.Count == 0
            || !http.Request.Path.StartsWithSegments("/v1")
            || http.GetEndpoint() is not { } endpoint
            || endpoint.Metadata.GetMetadata<IEndpointSummaryMetadata>() is null
            || endpoint.Metadata.GetOrderedMetadata<ApiParameter>().Any(parameter => !parameter.IsHeader))
        {
            return next(http);
        }

        var findings = new RequestFindings();
        QueryReader.NoteUnknown(http, [], findings);
        return Problems.Invalid(http, findings.Errors).ExecuteAsync(http);
    });
}
