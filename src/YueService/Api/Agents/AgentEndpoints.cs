using System.Runtime.InteropServices;
using ModelContextProtocol.Server;
using YueService.Api.Requests;
using YueService.Telemetry;

namespace YueService.Api.Agents;

/// <summary><c>/mcp</c>: the MCP server. Agents make songs with its tools (<see cref="AgentTools"/>).</summary>
internal static class AgentEndpoints
{
    private const string Instructions =
        "make_song returns a job immediately. Call get_song until the job is no longer queued or running, or give the user the links from "
        + "song_links: the stream can be heard while the song is being made. check_song finds mistakes in lyrics without making a song.";

    public static void AddAgents(this IServiceCollection services)
    {
        services.AddHttpContextAccessor();
        services.AddSingleton<ToolRunner>();
        services.AddSingleton<AgentTools>();
        services.AddMcpServer().WithHttpTransport();
        services.AddOptions<McpServerOptions>().Configure<AgentTools>((server, tools) =>
        {
            server.ServerInfo = new() { Name = ServiceIdentity.Name, Title = "YueService", Version = ServiceIdentity.Version };
            server.ServerInstructions = Instructions;
            server.ToolCollection = [.. tools.List()];
        });
    }

    /// <summary>Maps the server. The limits on JSON bodies apply to its messages.</summary>
    public static void MapAgents(this IEndpointRouteBuilder routes) => routes.MapMcp("/mcp").Add(endpoint =>
    {
        var next = endpoint.RequestDelegate!;
        endpoint.RequestDelegate = http => HttpMethods.IsPost(http.Request.Method) ? ReadAsync(http, next) : next(http);
    });

    private static async Task ReadAsync(HttpContext http, RequestDelegate next)
    {
        var (body, problem) = await http.RequestServices.GetRequiredService<BodyReader>().ReadJsonAsync(http);
        if (body is null)
        {
            await problem!.ExecuteAsync(http);
            return;
        }

        using (body)
        {
            http.Request.Body = new MemoryStream(JsonMarshal.GetRawUtf8Value(body.Json).ToArray(), writable: false);
            await next(http);
        }
    }
}
