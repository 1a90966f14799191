namespace YueService.Api.Errors;

/// <summary>Adds problem details to every error, whether it comes from an endpoint, an exception or routing.</summary>
internal static class ErrorExtensions
{
    public static void AddYueErrors(this IServiceCollection services) => services.AddExceptionHandler<ProblemExceptionHandler>();

    public static void UseYueErrors(this IApplicationBuilder app)
    {
        app.UseExceptionHandler(_ => { });
        app.UseStatusCodePages(context =>
        {
            var http = context.HttpContext;
            var status = http.Response.StatusCode;
            var detail = status switch
            {
                StatusCodes.Status404NotFound => $"There is no {http.Request.Path}; /docs lists the endpoints.",
                StatusCodes.Status405MethodNotAllowed =>
                    $"{http.Request.Path} supports {http.Response.Headers.Allow}, not {http.Request.Method}.",
                _ => $"The request failed with status {status}.",
            };
            return Problems.Create(http, ProblemType.ForStatus(status), detail).ExecuteAsync(http);
        });
    }
}
