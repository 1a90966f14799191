using System.Net;
using Microsoft.Extensions.Options;

namespace YueService.Settings;

/// <summary>Checks the addresses to listen on. The server takes a host that it does not know, a mistyped address too, for every address of
/// the machine: who wants that writes it.</summary>
internal sealed class ListenOptionsValidator : IValidateOptions<ListenOptions>
{
    public ValidateOptionsResult Validate(string? name, ListenOptions options)
    {
        var faults = ListenOptions.Read(options.Urls ?? "").Select(url => Fault(url.Text, url.Address)).OfType<string>().ToList();
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private static string? Fault(string url, Uri? address)
    {
        if (ListenOptions.IsUnixSocket(url))
        {
            return null;
        }

        if (address is null || (address.Scheme != Uri.UriSchemeHttp && address.Scheme != Uri.UriSchemeHttps))
        {
            return $"urls has '{url}'; an address is http://HOST:PORT, such as http://127.0.0.1:2008, with a port of 65535 at most.";
        }

        return address.IsLoopback || IPAddress.TryParse(address.DnsSafeHost, out _)
            ? null
            : $"urls has '{url}'; HOST must be an IP address, localhost, or * for every address of this machine, not '{address.Host}'.";
    }
}
