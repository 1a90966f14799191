using System.Diagnostics;

namespace YueService.Telemetry;

/// <summary>The identifiers of the current request in the log and in traces.</summary>
internal static class TraceIds
{
    /// <summary>Returns the trace of the current request: 32 hexadecimal digits, or the connection's request number without
    /// tracing.</summary>
    public static string TraceId(HttpContext http) =>
        Activity.Current is { IdFormat: ActivityIdFormat.W3C } activity ? activity.TraceId.ToHexString() : http.TraceIdentifier;

    /// <summary>Returns the span of the current request: 16 hexadecimal digits; null without tracing.</summary>
    public static string? SpanId() =>
        Activity.Current is { IdFormat: ActivityIdFormat.W3C } activity ? activity.SpanId.ToHexString() : null;
}
