using System.Net;

namespace YueService.Settings;

/// <summary>Checks the addresses to listen on.</summary>
/// <remarks>For an unknown host, such as a mistyped address, the server would listen on every address of the machine. Listening on every
/// address must be requested explicitly.</remarks>
internal sealed class ListenRules : OptionsRules<ListenOptions>
{
    protected override IEnumerable<string> Faults(ListenOptions options) =>
        ListenOptions.Read(options.Urls ?? "").Select(url => Fault(url.Text, url.Address)).OfType<string>();

    private static string? Fault(string url, Uri? address)
    {
        if (ListenOptions.IsUnixSocket(url))
        {
            return null;
        }

        if (address is null || (address.Scheme != Uri.UriSchemeHttp && address.Scheme != Uri.UriSchemeHttps))
        {
            return $"urls has '{url}'; an address has the form http://HOST:PORT, such as http://127.0.0.1:2008, "
                + "with a port of at most 65535.";
        }

        return address.IsLoopback || IPAddress.TryParse(address.DnsSafeHost, out _)
            ? null
            : $"urls has '{url}'; HOST must be an IP address, localhost, or * for every address of this machine, not '{address.Host}'.";
    }
}
