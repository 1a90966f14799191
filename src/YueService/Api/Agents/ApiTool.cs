using System.Collections.Immutable;
using System.Text.Json;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace YueService.Api.Agents;

/// <summary>A tool that uses a handler of the HTTP API.</summary>
/// <param name="definition">The name, description and arguments.</param>
/// <param name="handle">Handles a call.</param>
/// <param name="runner">Runs calls.</param>
internal sealed class ApiTool(Tool definition, Func<ToolCall, Task<IResult>> handle, ToolRunner runner) : McpServerTool
{
    public override Tool ProtocolTool => definition;

    public override IReadOnlyList<object> Metadata => [];

    /// <summary>True if each call counts as a song for the rate limit.</summary>
    public bool MakesSongs { get; init; }

    public override async ValueTask<CallToolResult> InvokeAsync(
        RequestContext<CallToolRequestParams> request, CancellationToken cancellationToken = default) =>
        await runner.RunAsync(
            this, request.Params?.Arguments ?? ImmutableDictionary<string, JsonElement>.Empty, handle, cancellationToken);
}
