using System.Diagnostics;

namespace YueService.Telemetry;

/// <summary>The identifiers of the current request in the log and in traces.</summary>
internal static class TraceIds
{
    /// <summary>Returns the trace id of the current request: 32 hexadecimal digits. Without tracing, returns the server's identifier of the
    /// connection and the request.</summary>
    public static string TraceId(HttpContext http) =>
        Activity.Current is { IdFormat: ActivityIdFormat.W3C } activity ? activity.TraceId.ToHexString() : http.TraceIdentifier;

    /// <summary>Returns the span id of the current request: 16 hexadecimal digits; null without tracing.</summary>
    public static string? SpanId() =>
        Activity.Current is { IdFormat: ActivityIdFormat.W3C } activity ? activity.SpanId.ToHexString() : null;
}
