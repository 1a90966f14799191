namespace YueService.Api.Errors;

/// <summary>Puts problem details on every error, whether an endpoint, an exception or routing caused it.</summary>
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
                StatusCodes.Status404NotFound => $"There is no {http.Request.Path}; /docs shows what there is.",
                StatusCodes.Status405MethodNotAllowed =>
                    $"{http.Request.Path} takes {http.Response.Headers.Allow}, not {http.Request.Method}.",
                _ => $"The request was answered with status {status}.",
            };
            return Problems.Create(http, ProblemType.ForStatus(status), detail).ExecuteAsync(http);
        });
    }
}
