using System.Diagnostics.CodeAnalysis;

namespace YueService.Settings;

/// <summary>A location in object storage: <c>s3://bucket/prefix?endpoint=https://…&amp;region=…</c>.</summary>
/// <param name="Bucket">The bucket, which must exist.</param>
/// <param name="Prefix">The prefix of all names: empty, or ending with a <c>/</c>.</param>
/// <param name="Endpoint">The server; null for Amazon's.</param>
/// <param name="Region">The region; null for the one set in the environment.</param>
internal sealed record S3Place(string Bucket, string Prefix, Uri? Endpoint, string? Region)
{
    private const string Scheme = "s3://";

    /// <summary>Returns true if a setting names a location in object storage rather than a folder.</summary>
    public static bool IsS3(string text) => text.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase);

    /// <summary>Reads a setting.</summary>
    /// <param name="text">The setting.</param>
    /// <param name="place">The location.</param>
    /// <param name="fault">The error in the setting, as the end of a sentence; null if it is valid.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out S3Place? place, [NotNullWhen(false)] out string? fault)
    {
        place = null;
        var parts = text[Scheme.Length..].Split('?', 2);
        var (bucket, prefix) = parts[0].Split('/', 2) is [var first, var rest] ? (first, rest.Trim('/')) : (parts[0], "");
        var options = (parts is [_, var query] ? query.Split('&', StringSplitOptions.RemoveEmptyEntries) : [])
            .Select(option => option.Split('=', 2))
            .ToLookup(option => option[0], option => option is [_, var value] ? Uri.UnescapeDataString(value) : "");
        var endpoint = options["endpoint"].LastOrDefault();
        Uri? server = null;
        fault = bucket.Length == 0 ? "names no bucket"
            : options.FirstOrDefault(option => option.Key is not ("endpoint" or "region")) is { } unknown
                ? $"has the unknown option {unknown.Key}; the supported options are endpoint and region"
            : endpoint is not null && !(Uri.TryCreate(endpoint, UriKind.Absolute, out server) && server.Scheme is "http" or "https")
                ? $"has the endpoint {endpoint}, which is not an http or https address"
            : null;
        if (fault is not null)
        {
            return false;
        }

        place = new(bucket, prefix.Length == 0 ? "" : prefix + "/", server, options["region"].LastOrDefault());
        return true;
    }
}
