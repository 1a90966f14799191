using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;

namespace YueService.Settings;

/// <summary>Checks the settings of access. A key that no header can carry would lock everybody out.</summary>
internal sealed partial class AccessOptionsValidator(UnreadableSettings<AccessOptions> unreadable) : IValidateOptions<AccessOptions>
{
    public ValidateOptionsResult Validate(string? name, AccessOptions options)
    {
        var faults = Faults(options).ToList();
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private IEnumerable<string> Faults(AccessOptions options)
    {
        // The values are secrets: a fault does not repeat them.
        if (options.ApiKey is { Length: > 0 } && options.Keys().Count == 0)
        {
            yield return "Yue:ApiKey is set but holds no key.";
        }

        if (options.Keys().Any(key => key.Any(character => character is <= ' ' or > '~')))
        {
            yield return "Yue:ApiKey must be printable ASCII without spaces.";
        }

        foreach (var host in options.Hosts().Where(host => !HostName().IsMatch(host)))
        {
            yield return $"Yue:AllowedHosts has '{host}'; write host names without scheme and port, such as yue.example or *.yue.example.";
        }

        foreach (var origin in options.Origins().Where(origin => !IsOrigin(origin)))
        {
            yield return $"Yue:CorsOrigins has '{origin}'; write origins as browsers send them, such as https://app.example or http://localhost:3000.";
        }

        foreach (var fault in unreadable.Messages
            .Concat(SettingBounds.Check("RateLimitPerMinute", options.RateLimitPerMinute, 0, 1_000_000))
            .Concat(SettingBounds.Check("SongTimeoutSeconds", options.SongTimeoutSeconds, 0, 7 * 24 * 3600))
            .Concat(SettingBounds.Check("RequestTimeoutSeconds", options.RequestTimeoutSeconds, 1, 3600)))
        {
            yield return fault;
        }
    }

    /// <summary>Returns whether a browser would send this text as <c>Origin</c>: scheme, host and port alone, in lower case.</summary>
    private static bool IsOrigin(string origin) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var uri) && uri.Host.Length > 0 && uri.GetLeftPart(UriPartial.Authority) == origin;

    [GeneratedRegex(@"^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*\z", RegexOptions.IgnoreCase)]
    private static partial Regex HostName();
}
