using System.Diagnostics;

namespace YueService.Telemetry;

/// <summary>The identifiers under which the log and the traces know the current request.</summary>
internal static class TraceIds
{
    /// <summary>The trace of the current request: 32 hexadecimal digits, or the connection's request number where nothing traces.</summary>
    public static string TraceId(HttpContext http) =>
        Activity.Current is { IdFormat: ActivityIdFormat.W3C } activity ? activity.TraceId.ToHexString() : http.TraceIdentifier;

    /// <summary>The span of the current request: 16 hexadecimal digits; null where nothing traces.</summary>
    public static string? SpanId() =>
        Activity.Current is { IdFormat: ActivityIdFormat.W3C } activity ? activity.SpanId.ToHexString() : null;
}
