using System.Security.Cryptography;
using Scalar.AspNetCore;

namespace YueService.Api.OpenApi;

/// <summary>The page at <c>/docs</c> that displays the description of the API and can send requests.</summary>
internal static class ApiPage
{
    /// <summary>Maps the page. It loads nothing from other hosts, and its policy blocks foreign code.</summary>
    public static void MapApiPage(this IEndpointRouteBuilder routes) => routes.MapScalarApiReference("/docs", (page, http) =>
    {
        var nonce = RandomNumberGenerator.GetHexString(32, lowercase: true);
        var headers = http.Response.Headers;
        headers.ContentSecurityPolicy = PolicyOf(nonce);
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "same-origin";
        page.WithTitle("YueService").WithNonce(nonce);

        // These parts would use services of other hosts.
        page.DisableDefaultFonts().DisableAgent().DisableMcp().DisableTelemetry().HideDeveloperTools().HideClientButton();
    });

    /// <summary>Returns the content security policy of the page, which allows only its own scripts and this service. The library that
    /// renders the page needs inline styles.</summary>
    /// <param name="nonce">The nonce of the scripts in the page.</param>
    private static string PolicyOf(string nonce) =>
        $"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; "
        + "media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
}
