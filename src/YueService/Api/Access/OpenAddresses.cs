using Microsoft.Extensions.Options;
using YueService.Settings;

namespace YueService.Api.Access;

/// <summary>Reports at startup the addresses at which anyone can request songs.</summary>
internal static partial class OpenAddresses
{
    /// <summary>Warns if the service has no API key but listens on addresses that other machines may reach. Without this warning, an empty
    /// key would go unnoticed.</summary>
    public static void WarnOfOpenAddresses(this IServiceProvider services)
    {
        var urls = services.GetRequiredService<IOptions<ListenOptions>>().Value.Urls ?? "";
        var open = ListenOptions.Read(urls)
            .Where(url => url.Address is { IsLoopback: false } && !ListenOptions.IsUnixSocket(url.Text))
            .Select(url => url.Text)
            .ToList();
        if (open.Count > 0 && services.GetRequiredService<IOptions<AccessOptions>>().Value.Keys().Count == 0)
        {
            Log.Open(services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(OpenAddresses)), string.Join(", ", open));
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            Level = LogLevel.Warning,
            Message = "No API key is set, and the service listens on {Urls}: anyone who can reach it can request songs. "
                + "Set Yue:ApiKey, or listen only on 127.0.0.1")]
        public static partial void Open(ILogger logger, string urls);
    }
}
