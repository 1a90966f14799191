using System.Globalization;
using Microsoft.AspNetCore.StaticAssets;
using Serilog;
using Serilog.Events;
using Serilog.Formatting.Compact;
using YueService.Settings;

namespace YueService.Telemetry;

/// <summary>Sets up the log: readable lines or JSON, with the trace id on every line that belongs to a request.</summary>
internal static class LoggingExtensions
{
    /// <summary>The format of a line on the console.</summary>
    internal const string Template =
        "{Timestamp:HH:mm:ss.fff} {Level:u3} {Message:lj} {TraceId}{NewLine}{" + ControlCharacters.ExceptionText + "}";

    /// <summary>Registers Serilog; section <c>Serilog</c> sets levels and additional sinks.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="configuration">The settings.</param>
    /// <param name="toStandardError">True to log only warnings and errors, to standard error, because standard output is for the
    /// program's own output.</param>
    public static void AddYueLogging(this IServiceCollection services, IConfiguration configuration, bool toStandardError = false) =>
        services.AddSerilog(
            (provider, logger) =>
            {
                logger.ReadFrom.Configuration(configuration).ReadFrom.Services(provider);
                logger.Enrich.With<ControlCharacters>();

                // The command that starts the host receives the same exception and reports it in one line.
                logger.Filter.ByExcluding(logEvent => logEvent.MessageTemplate.Text == "Hosting failed to start");
                LogEventLevel? errorsFrom = null;
                if (toStandardError)
                {
                    logger.MinimumLevel.Warning();

                    // The command itself reports in one line why its engine failed.
                    logger.Filter.ByExcluding(logEvent => logEvent.Level == LogEventLevel.Fatal
                        && Serilog.Filters.Matching.FromSource<Yue.Engine.Scheduling.YueEngine>()(logEvent));
                    errorsFrom = LogEventLevel.Verbose;
                }

                // Read without validation, because validation errors have to be logged too.
                if (configuration[$"{Yue.Engine.Scheduling.EngineOptions.Section}:{nameof(ServiceOptions.LogFormat)}"] == "json")
                {
                    logger.WriteTo.Console(new CompactJsonFormatter(), standardErrorFromLevel: errorsFrom);
                }
                else
                {
                    logger.WriteTo.Console(
                        outputTemplate: Template, formatProvider: CultureInfo.InvariantCulture, standardErrorFromLevel: errorsFrom);
                }
            },
            preserveStaticLogger: true);

    /// <summary>Logs one line per request; health checks and the studio's files are logged only at level Debug.</summary>
    public static void UseYueRequestLog(this IApplicationBuilder app)
    {
        // The host's own logger; the static one stays silent so that two hosts in one process do not share it.
        var logger = app.ApplicationServices.GetRequiredService<Serilog.ILogger>();
        app.UseSerilogRequestLogging(options =>
        {
            options.Logger = logger;
            options.GetLevel = (http, _, exception) => http.Response.StatusCode switch
            {
                _ when exception is not null => LogEventLevel.Error,
                _ when http.Request.Path.StartsWithSegments("/health") => LogEventLevel.Debug,
                _ when http.GetEndpoint()?.Metadata.GetMetadata<StaticAssetDescriptor>() is not null => LogEventLevel.Debug,
                StatusCodes.Status503ServiceUnavailable => LogEventLevel.Warning,
                >= 500 => LogEventLevel.Error,
                _ => LogEventLevel.Information,
            };
        });
    }
}
