using System.Net;
using System.Net.Sockets;

namespace YueService.Jobs.Webhooks;

/// <summary>Distinguishes public internet addresses from those of this machine and of private networks.</summary>
internal static class PublicAddress
{
    // The blocks in IANA's IPv4 special-purpose address registry that are not globally reachable, and multicast.
    private static readonly IPNetwork[] Special =
    [
        .. new[]
        {
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
            "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        }.Select(IPNetwork.Parse),
    ];

    // Only 2000::/3 is allocated for public addresses. Within it, 2001::/23 is reserved for protocols such as Teredo, and 2002::/16 embeds
    // IPv4 addresses.
    private static readonly IPNetwork Global = IPNetwork.Parse("2000::/3");

    private static readonly IPNetwork[] SpecialInGlobal =
        [.. new[] { "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20" }.Select(IPNetwork.Parse)];

    /// <summary>Returns true if an address is public.</summary>
    public static bool Is(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            address = address.MapToIPv4();
        }

        return address.AddressFamily switch
        {
            AddressFamily.InterNetwork => !Special.Any(network => network.Contains(address)),
            AddressFamily.InterNetworkV6 => Global.Contains(address) && !SpecialInGlobal.Any(network => network.Contains(address)),
            _ => false,
        };
    }
}
