using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Diagnostics;
using ModelContextProtocol.Protocol;
using YueService.Api.Access;

namespace YueService.Api.Agents;

/// <summary>Runs tool calls. The JSON of the API's response is the tool's result; problem details are its error.</summary>
internal sealed class ToolRunner(IHttpContextAccessor callers, SongRateLimit limit, IExceptionHandler exceptions)
{
    /// <summary>Runs a tool call.</summary>
    /// <param name="tool">The tool.</param>
    /// <param name="arguments">The arguments by name.</param>
    /// <param name="handle">Handles the call.</param>
    /// <param name="cancel">Cancelled when the caller disconnects.</param>
    public async Task<CallToolResult> RunAsync(
        ApiTool tool,
        IEnumerable<KeyValuePair<string, JsonElement>> arguments,
        Func<ToolCall, Task<IResult>> handle,
        CancellationToken cancel)
    {
        var caller = callers.HttpContext ?? throw new InvalidOperationException("A tool was called without a request.");
        var call = ToolCall.Of(caller, arguments, tool.MakesSongs, cancel);
        try
        {
            var refusal = tool.MakesSongs ? await limit.TryTakeAsync(call.Http, songs: 1) : null;
            await (refusal ?? await handle(call)).ExecuteAsync(call.Http);
        }
        catch (Exception e) when (!cancel.IsCancellationRequested)
        {
            call.Http.Response.Clear();
            await exceptions.TryHandleAsync(call.Http, e, cancel);
        }

        return ResultOf(call.Http.Response);
    }

    private static CallToolResult ResultOf(HttpResponse response)
    {
        var json = Encoding.UTF8.GetString(((MemoryStream)response.Body).ToArray());
        return new()
        {
            Content = [new TextContentBlock { Text = json }],
            StructuredContent = json.Length == 0 ? null : JsonElement.Parse(json),
            IsError = response.StatusCode >= StatusCodes.Status400BadRequest,
        };
    }
}
