using System.ComponentModel;
using System.Diagnostics;

namespace YueService.Hosting;

/// <summary>Shows the user the address of the studio.</summary>
internal static partial class StudioAddress
{
    /// <summary>Logs the address of the studio, and opens it in the browser on request.</summary>
    /// <param name="app">The listening service.</param>
    /// <param name="opensBrowser">True to open the browser.</param>
    public static void AnnounceStudio(this WebApplication app, bool opensBrowser)
    {
        if (app.Urls.Select(Of).FirstOrDefault(address => address is not null) is not { } address)
        {
            return;
        }

        Log.Studio(app.Logger, address);
        if (opensBrowser)
        {
            try
            {
                using var browser = Process.Start(new ProcessStartInfo(address) { UseShellExecute = true });
            }
            catch (Win32Exception e)
            {
                Log.NoBrowser(app.Logger, e.Message, address);
            }
        }
    }

    /// <summary>Returns the address for a browser on this machine; null for one that browsers cannot open, such as a Unix socket.</summary>
    /// <param name="url">An address that the service listens on.</param>
    public static string? Of(string url)
    {
        var address = BindingAddress.Parse(url);
        if (address.IsUnixPipe || address.IsNamedPipe)
        {
            return null;
        }

        var host = address.Host is "*" or "+" or "0.0.0.0" or "[::]" ? "localhost" : address.Host;
        return $"{address.Scheme}://{host}:{address.Port}{address.PathBase}/";
    }

    private static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Information, Message = "The studio, a web page for making songs, is at {Address}")]
        public static partial void Studio(ILogger logger, string address);

        [LoggerMessage(Level = LogLevel.Warning, Message = "No browser could be opened ({Reason}). Open {Address} yourself")]
        public static partial void NoBrowser(ILogger logger, string reason, string address);
    }
}
