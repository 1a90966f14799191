using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace YueService.Api.Studio;

/// <summary>The studio: the web page at <c>/</c> for making songs. Its files need no key because they contain no secrets.</summary>
internal static partial class StudioPage
{
    /// <summary>The policy of the frame that draws scores. The library that draws them needs inline styles. A score may contain
    /// anything, so the frame is sandboxed, and it can load nothing but its own scripts.</summary>
    public const string ScorePolicy = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; "
        + "form-action 'none'; frame-ancestors 'self'; sandbox allow-scripts";

    private const string Page = "/index.html";
    private const string ScorePage = "/score.html";
    private const string Assets = "yue.staticwebassets";
    private const string Reload = "ReloadStaticAssetsAtRuntime";

    /// <summary>The folder that contains the page's files in a published program.</summary>
    public static string Folder => Path.Combine(AppContext.BaseDirectory, "wwwroot");

    /// <summary>Finds the page's files in the build output.</summary>
    public static void UseStudioFiles(this IWebHostBuilder host)
    {
        var manifest = Path.Combine(AppContext.BaseDirectory, $"{Assets}.runtime.json");
        if (File.Exists(manifest))
        {
            // Only a build output has this file. By default, its name is derived from the name of the process, which differs in tests.
            host.UseSetting(WebHostDefaults.StaticWebAssetsKey, manifest);
            host.UseStaticWebAssets();
        }

        if (host.GetSetting(Reload) is null)
        {
            // In development, changed files would be served by an endpoint that matches every path, so a request with the wrong method
            // would get a 404 instead of a 405.
            host.UseSetting(Reload, "false");
        }
    }

    /// <summary>Serves the page at <c>/</c>, with headers that block foreign code. Must come before routing.</summary>
    public static void UseStudioPage(this IApplicationBuilder app)
    {
        var files = app.ApplicationServices.GetRequiredService<IWebHostEnvironment>().WebRootFileProvider;
        var policy = new Lazy<string>(() =>
        {
            using var reader = new StreamReader(files.GetFileInfo(Page).CreateReadStream());
            return PolicyOf(reader.ReadToEnd());
        });
        app.UseDefaultFiles();
        app.Use((http, next) =>
        {
            var path = http.Request.Path;
            if ((path == Page || path == ScorePage) && files.GetFileInfo(path).Exists)
            {
                var headers = http.Response.Headers;
                headers.ContentSecurityPolicy = path == Page ? policy.Value : ScorePolicy;
                headers.XContentTypeOptions = "nosniff";
                headers["Referrer-Policy"] = "same-origin";
            }

            return next(http);
        });
    }

    /// <summary>Maps the page's files, compressed and with an ETag. No key is needed for them.</summary>
    public static void MapStudio(this IEndpointRouteBuilder routes) =>
        routes.MapStaticAssets($"{Assets}.endpoints.json").AllowAnonymous();

    /// <summary>Returns the content security policy of the page: only its own files, and its import map by hash.</summary>
    public static string PolicyOf(string html)
    {
        var map = ImportMap().Match(html).Groups["json"].Value;
        var hash = Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(map)));
        return $"default-src 'none'; script-src 'self' 'sha256-{hash}'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
            + "media-src 'self' blob:; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    }

    [GeneratedRegex("""<script type="importmap">(?<json>.*?)</script>""", RegexOptions.Singleline)]
    private static partial Regex ImportMap();
}
