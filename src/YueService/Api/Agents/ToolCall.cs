using System.Runtime.InteropServices;
using System.Text.Json;
using YueService.Api.Access;
using YueService.Api.Requests;

namespace YueService.Api.Agents;

/// <summary>A tool call in the form that the handlers of the HTTP API expect: a request with the arguments as its JSON body.</summary>
/// <param name="Http">A request that is made on behalf of the tool's caller. Its response is kept in memory.</param>
/// <param name="Arguments">The arguments, an object.</param>
internal sealed record ToolCall(HttpContext Http, JsonElement Arguments)
{
    private static readonly Endpoint SongEndpoint = new(null, new(new SongRateLimit.Counted()), "tool that makes songs");

    /// <summary>Creates the request for a tool call.</summary>
    /// <param name="caller">The request of the caller.</param>
    /// <param name="arguments">The arguments by name.</param>
    /// <param name="makesSongs">True if the call counts as a song for the rate limit.</param>
    /// <param name="cancel">Cancelled when the caller disconnects.</param>
    public static ToolCall Of(
        HttpContext caller, IEnumerable<KeyValuePair<string, JsonElement>> arguments, bool makesSongs, CancellationToken cancel)
    {
        var body = Serialize(arguments);
        var http = new DefaultHttpContext
        {
            RequestServices = caller.RequestServices,
            RequestAborted = cancel,
            TraceIdentifier = caller.TraceIdentifier,
            User = caller.User,
        };
        http.Connection.RemoteIpAddress = caller.Connection.RemoteIpAddress;
        http.Request.Scheme = caller.Request.Scheme;
        http.Request.Host = caller.Request.Host;
        http.Request.PathBase = caller.Request.PathBase;
        http.Request.Path = caller.Request.Path;
        http.Request.Method = HttpMethods.Post;
        http.Request.ContentType = "application/json";
        http.Request.ContentLength = body.Length;
        http.Request.Body = new MemoryStream(body, writable: false);
        http.Response.Body = new MemoryStream();
        http.SetEndpoint(makesSongs ? SongEndpoint : null);
        return new(http, JsonElement.Parse(body));
    }

    /// <summary>Also sets the arguments as the query of the request.</summary>
    public void FillQuery() => Http.Request.QueryString = QueryString.Create(
        Arguments.EnumerateObject()
            .Where(argument => argument.Value.ValueKind != JsonValueKind.Null)
            .Select(argument => KeyValuePair.Create(argument.Name, (string?)TextOf(argument.Value))));

    private static string TextOf(JsonElement value) =>
        value.ValueKind == JsonValueKind.String && JsonText.TryGet(value, out var text, out _) ? text : value.GetRawText();

    /// <summary>Writes the values as they were sent. Escapes that are not valid Unicode are reported when the field is read.</summary>
    private static byte[] Serialize(IEnumerable<KeyValuePair<string, JsonElement>> arguments)
    {
        using var body = new MemoryStream();
        using (var writer = new Utf8JsonWriter(body))
        {
            writer.WriteStartObject();
            foreach (var (name, value) in arguments)
            {
                writer.WritePropertyName(name);
                writer.WriteRawValue(JsonMarshal.GetRawUtf8Value(value), skipInputValidation: true);
            }

            writer.WriteEndObject();
        }

        return body.ToArray();
    }
}
