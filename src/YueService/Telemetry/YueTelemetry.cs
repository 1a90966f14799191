using System.Diagnostics;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace YueService.Telemetry;

/// <summary>Traces and metrics, sent over OTLP if an endpoint is configured. The metrics are also available as Prometheus text at
/// <c>/metrics</c>.</summary>
internal static class YueTelemetry
{
    /// <summary>The name of the activity source and of the meter, in the service and in the engine.</summary>
    public const string Name = "Yue";

    // Either the common endpoint or one for a single signal turns the exporter on.
    private static readonly string[] EndpointVariables =
    [
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    ];

    /// <summary>The service's own activities.</summary>
    public static ActivitySource Source { get; } = new(Name);

    /// <summary>Continues the trace of an earlier request with a new activity; returns null if there is no trace.</summary>
    /// <remarks>A trace that is not recorded stays unrecorded. The log still contains its id, and no new trace begins.</remarks>
    /// <param name="name">The name of the activity.</param>
    /// <param name="traceParent">The request's <c>traceparent</c>.</param>
    public static Activity? Resume(string name, string? traceParent) => traceParent is null
        ? null
        : Source.StartActivity(name, ActivityKind.Internal, traceParent) ?? new Activity(name).SetParentId(traceParent).Start();

    /// <summary>Registers OpenTelemetry; the standard <c>OTEL_…</c> variables configure it.</summary>
    public static void AddYueTelemetry(this IServiceCollection services, IConfiguration configuration)
    {
        var telemetry = services.AddOpenTelemetry()
            .ConfigureResource(resource => resource
                .AddService(ServiceIdentity.Name, serviceVersion: ServiceIdentity.Version)
                .AddEnvironmentVariableDetector())
            .WithTracing(tracing => tracing.AddSource(Name).AddAspNetCoreInstrumentation())
            .WithMetrics(metrics => metrics.AddMeter(Name).AddAspNetCoreInstrumentation().AddPrometheusExporter());
        if (EndpointVariables.Any(name => !string.IsNullOrWhiteSpace(configuration[name])))
        {
            telemetry.UseOtlpExporter();
        }
    }
}
