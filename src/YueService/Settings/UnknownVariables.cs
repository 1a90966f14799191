using System.Collections;

namespace YueService.Settings;

/// <summary>Reports mistyped environment variables at startup.</summary>
internal static partial class UnknownVariables
{
    /// <summary>Warns about each <c>YUE_…</c> variable that matches no setting. Values are not shown because they may be secrets.</summary>
    public static void WarnOfUnknownVariables(this IServiceProvider services, IDictionary variables)
    {
        var logger = services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(UnknownVariables));
        foreach (var (name, closest) in EnvironmentSettings.Unknown(variables))
        {
            if (closest is null)
            {
                Log.Unknown(logger, name);
            }
            else
            {
                Log.Mistyped(logger, name, closest);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            Level = LogLevel.Warning,
            Message = "The environment variable {Name} matches no setting and is ignored; the closest is {Closest}")]
        public static partial void Mistyped(ILogger logger, string name, string closest);

        [LoggerMessage(Level = LogLevel.Warning, Message = "The environment variable {Name} matches no setting and is ignored")]
        public static partial void Unknown(ILogger logger, string name);
    }
}
