using System.Text.RegularExpressions;

namespace YueService.Settings;

/// <summary>Checks the lists in the access settings. A key that is not valid in a header would lock everyone out.</summary>
internal sealed partial class AccessRules : OptionsRules<AccessOptions>
{
    protected override IEnumerable<string> Faults(AccessOptions options)
    {
        // The keys are secrets, so error messages do not contain them.
        if (options.ApiKey is { Length: > 0 } && options.Keys().Count == 0)
        {
            yield return "Yue:ApiKey is set but contains no key; set it to a key, or remove it.";
        }

        if (options.Keys().Any(key => key.Any(character => character is <= ' ' or > '~')))
        {
            yield return "Yue:ApiKey must be printable ASCII without spaces.";
        }

        foreach (var host in options.Hosts().Where(host => !HostName().IsMatch(host)))
        {
            yield return $"Yue:AllowedHosts contains '{host}'; write host names without a scheme or port, "
                + "such as yue.example or *.yue.example.";
        }

        foreach (var origin in options.Origins().Where(origin => !IsOrigin(origin)))
        {
            yield return $"Yue:CorsOrigins contains '{origin}'; write origins as browsers send them, "
                + "such as https://app.example or http://localhost:3000.";
        }
    }

    /// <summary>Returns whether a browser would send this text as <c>Origin</c>: only scheme, host and port, in lower case.</summary>
    private static bool IsOrigin(string origin) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var uri) && uri.Host.Length > 0 && uri.GetLeftPart(UriPartial.Authority) == origin;

    [GeneratedRegex(@"^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*\z", RegexOptions.IgnoreCase)]
    private static partial Regex HostName();
}
