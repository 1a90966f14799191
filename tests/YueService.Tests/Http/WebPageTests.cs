using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Xunit;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

/// <summary>Tests which requests from web pages (in a browser on the same machine or network) are served.</summary>
public sealed class WebPageTests
{
    private const string Page = "https://app.example";

    [Theory]
    [InlineData("localhost", true)]
    [InlineData("LOCALHOST:2008", true)]
    [InlineData("localhost.:2008", true)]
    [InlineData("yue.localhost:2008", true)]
    [InlineData("127.0.0.1:2008", true)]
    [InlineData("127.1", true)]
    [InlineData("192.168.7.9:2008", true)]
    [InlineData("[::1]:2008", true)]
    [InlineData("[fe80::1]", true)]
    [InlineData("yue.example", true)]
    [InlineData("Yue.Example.:80", true)]
    [InlineData("a.studio.example:2008", true)]
    [InlineData("evil.example", false)]
    [InlineData("evil.example:2008", false)]
    [InlineData("EVIL.example.", false)]
    [InlineData("localhost.evil.example", false)]
    [InlineData("evil-localhost", false)]
    [InlineData("127.0.0.1.evil.example", false)]
    [InlineData("127.0.0.1..", false)]
    [InlineData("localhost..", false)]
    [InlineData("notyue.example", false)]
    [InlineData("studio.example", false)]
    public async Task Without_a_key_only_known_host_names_are_served(string host, bool known)
    {
        using var app = new YueApp(("Yue:AllowedHosts", "yue.example, *.studio.example"));
        using var client = app.CreateClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/songs");
        request.Headers.TryAddWithoutValidation("Host", host);
        request.Headers.Add("X-Forwarded-Host", "localhost");
        using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
        if (known)
        {
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            return;
        }

        var problem = await response.ProblemAsync(HttpStatusCode.MisdirectedRequest, "urn:yue:unknown-host");
        Assert.Contains("Yue:AllowedHosts", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET /v1/songs HTTP/1.0\r\n\r\n", 200)]
    [InlineData("GET /v1/songs HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", 200)]
    [InlineData("GET /v1/songs HTTP/1.1\r\nHost: local%68ost\r\nConnection: close\r\n\r\n", 400, 421)]
    [InlineData("GET /v1/songs HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 400)]
    [InlineData("GET http://evil.example/v1/songs HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 421)]
    [InlineData("GET http://evil.example/v1/songs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 400, 421)]
    [InlineData("GET /health/../v1/songs HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 421)]
    [InlineData("GET /health/%2e%2e/v1/songs HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 421)]
    [InlineData("GET //health/../v1/songs HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 421)]
    [InlineData("GET /health HTTP/1.1\r\nHost: 10-0-0-7.pod.cluster.example\r\nConnection: close\r\n\r\n", 200)]
    public async Task The_host_is_parsed_as_the_server_parses_it(string request, params int[] statuses)
    {
        using var app = YueApp.OnSocket();
        using var client = app.CreateClient();
        var response = await client.BaseAddress!.SendRawAsync(request);
        Assert.Contains(response.Status, statuses);
    }

    [Theory]
    [InlineData(null, null, null, true)]
    [InlineData(null, "none", null, true)]
    [InlineData(null, "same-origin", "cors", true)]
    [InlineData("http://localhost", "same-origin", "cors", true)]
    [InlineData("https://localhost", null, null, true)]
    [InlineData("https://evil.example", null, null, false)]
    [InlineData("https://evil.example", "cross-site", "cors", false)]
    [InlineData("https://evil.example", "same-origin", "cors", false)]
    [InlineData(null, "cross-site", "no-cors", false)]
    [InlineData(null, "cross-site", null, false)]
    [InlineData(null, "Cross-Site", "no-cors", false)]
    [InlineData(null, "same-site", "no-cors", false)]
    [InlineData("http://localhost:3000", "same-site", "cors", false)]
    [InlineData("http://localhost.evil.example", null, null, false)]
    [InlineData("https://app.example.evil.example", null, null, false)]
    [InlineData("null", "cross-site", "cors", false)]
    [InlineData("null", null, null, false)]
    [InlineData("https://evil.example", "cross-site", "websocket", false)]
    [InlineData(Page, "cross-site", "cors", true)]
    public async Task Without_a_key_pages_from_other_origins_are_refused(string? origin, string? site, string? mode, bool allowed)
    {
        using var app = new YueApp(("Yue:CorsOrigins", $"{Page},http://localhost:5173"));
        using var client = app.CreateClient();
        foreach (var (method, path)
            in new[] { ("POST", "/predict"), ("POST", "/v1/songs"), ("GET", "/v1/songs"), ("DELETE", "/v1/songs/x") })
        {
            using var request = Request(new(method), path, origin, site, mode);
            request.Content = method == "POST" ? new ByteArrayContent("""{"lyrics":"la"}"""u8.ToArray()) : null;
            using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
            if (allowed)
            {
                Assert.NotEqual(HttpStatusCode.Forbidden, response.StatusCode);
                continue;
            }

            var problem = await response.ProblemAsync(HttpStatusCode.Forbidden, "urn:yue:foreign-origin");
            Assert.Contains("Yue:CorsOrigins", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
            Assert.False(response.Headers.Contains("Access-Control-Allow-Origin"));
        }

        await Eventually.TrueAsync(() => !allowed || app.Engine.Requests.Count == 2);
        Assert.Equal(allowed ? 2 : 0, app.Engine.Requests.Count);
    }

    [Theory]
    [InlineData("GET", "navigate", "document", true)]
    [InlineData("GET", "navigate", null, true)]
    [InlineData("GET", "navigate", "iframe", false)]
    [InlineData("GET", "navigate", "object", false)]
    [InlineData("GET", "no-cors", "image", false)]
    [InlineData("GET", "no-cors", "script", false)]
    [InlineData("POST", "navigate", "document", false)]
    public async Task Another_page_may_link_to_the_service_but_not_submit_a_form(string method, string mode, string? target, bool allowed)
    {
        using var app = new YueApp();
        using var client = app.CreateClient();
        using var request = Request(
            new(method), method == "GET" ? "/v1/songs" : "/predict", method == "GET" ? null : "null", "cross-site", mode);
        if (target is not null)
        {
            request.Headers.Add("Sec-Fetch-Dest", target);
        }

        using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(allowed ? HttpStatusCode.OK : HttpStatusCode.Forbidden, response.StatusCode);
        Assert.Empty(app.Engine.Requests);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/index.html")]
    [InlineData("/score.html")]
    [InlineData("/js/app.js")]
    [InlineData("/js/score-frame.js")]
    [InlineData("/vendor/vendor.json")]
    [InlineData("/docs/")]
    public async Task The_pages_open_from_a_link_but_not_under_an_unknown_host_name(string path)
    {
        using var app = new YueApp();
        using var client = app.CreateClient();
        foreach (var (host, status) in new[] { ("localhost", HttpStatusCode.OK), ("evil.example", HttpStatusCode.MisdirectedRequest) })
        {
            using var request = Request(HttpMethod.Get, path, null, "cross-site", "navigate");
            request.Headers.Add("Sec-Fetch-Dest", "document");
            request.Headers.Host = host;
            using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
            Assert.Equal(status, response.StatusCode);
            if (status != HttpStatusCode.OK)
            {
                await response.ProblemAsync(status, "urn:yue:unknown-host");
            }
        }
    }

    [Theory]
    [InlineData("/js/score-frame.js", true)]
    [InlineData("/vendor/vendor.json", true)]
    [InlineData("/js/app.js", false)]
    [InlineData("/score.html", false)]
    public async Task The_files_of_the_sandboxed_frame_are_served_to_pages_without_an_origin(string path, bool allowed)
    {
        using var app = new YueApp();
        using var client = app.CreateClient();
        using var request = Request(HttpMethod.Get, path, origin: null, "cross-site", "no-cors");
        using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(allowed ? HttpStatusCode.OK : HttpStatusCode.Forbidden, response.StatusCode);
    }

    [Theory]
    [InlineData("/health")]
    [InlineData("/health/ready")]
    [InlineData("/health/live")]
    public async Task Health_is_available_under_any_host_name_and_for_any_page(string path)
    {
        using var app = new YueApp();
        using var client = app.CreateClient();
        using var request = Request(HttpMethod.Get, path, "https://evil.example", "cross-site", "cors");
        request.Headers.Host = "probe.example";
        using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task With_a_key_only_the_key_is_checked()
    {
        using var app = new YueApp(("Yue:ApiKey", "k"));
        using var client = app.CreateClient();
        foreach (var (key, status) in new[] { ("k", HttpStatusCode.OK), ("wrong", HttpStatusCode.Unauthorized) })
        {
            using var request = Request(HttpMethod.Get, "/v1/songs", "https://evil.example", "cross-site", "cors");
            request.Headers.Host = "yue.example";
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
            using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
            Assert.Equal(status, response.StatusCode);
            Assert.False(response.Headers.Contains("Access-Control-Allow-Origin"));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("k")]
    public async Task A_preflight_request_is_answered_before_the_key_is_checked(string key)
    {
        using var app = new YueApp(("Yue:ApiKey", key), ("Yue:CorsOrigins", Page));
        using var client = app.CreateClient();
        foreach (var (origin, allowed) in new[] { (Page, true), ("https://evil.example", false) })
        {
            using var request = Request(HttpMethod.Options, "/v1/audio/speech", origin, "cross-site", "cors");
            request.Headers.Add("Access-Control-Request-Method", "POST");
            request.Headers.Add("Access-Control-Request-Headers", "authorization,content-type");
            using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
            Assert.Equal(
                allowed, response.Headers.TryGetValues("Access-Control-Allow-Origin", out var origins) && origins.Single() == Page);
            Assert.Equal(allowed, response.Headers.TryGetValues("Access-Control-Allow-Headers", out var headers)
                && headers.Single() == "authorization,content-type");
        }
    }

    [Fact]
    public async Task Pages_from_allowed_origins_can_read_errors_and_headers()
    {
        using var app = new YueApp(("Yue:ApiKey", "k"), ("Yue:CorsOrigins", Page), ("Yue:RateLimitPerMinute", "3"));
        using var client = app.CreateClient();
        app.Engine.Sing = (_, _, _) => throw new InvalidOperationException("a bug");
        var statuses = new List<HttpStatusCode>();
        foreach (var (key, path, body) in new[]
        {
            (
                "no", "/predict", ""), ("k", "/nosuch", ""), ("k", "/predict", "{"), ("k", "/predict",
                "{}"), ("k", "/predict", """{"lyrics":"la"}"""), ("k", "/predict", ""),
        })
        {
            using var request = Request(HttpMethod.Post, path, Page, "cross-site", "cors");
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
            using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
            statuses.Add(response.StatusCode);
            Assert.Equal(Page, response.Headers.GetValues("Access-Control-Allow-Origin").Single());
            Assert.Contains(
                "Retry-After", string.Join(',', response.Headers.GetValues("Access-Control-Expose-Headers")), StringComparison.Ordinal);
        }

        Assert.Equal(
            [
                HttpStatusCode.Unauthorized, HttpStatusCode.NotFound, HttpStatusCode.BadRequest, HttpStatusCode.UnprocessableEntity,
                HttpStatusCode.InternalServerError, HttpStatusCode.TooManyRequests,
            ],
            statuses);
    }

    [Fact]
    public async Task Every_header_of_a_song_is_exposed_to_pages()
    {
        using var app = new YueApp(("Yue:CorsOrigins", Page));
        using var client = app.CreateClient();
        using var response = await client.PredictAsync("""{"lyrics":"la","client_job_id":"a","output":{"loudness_lufs":-14}}""", request =>
        {
            request.Headers.Accept.Add(new("audio/wav"));
            request.Headers.Add("Origin", Page);
        });
        var exposed = string.Join(',', response.Headers.GetValues("Access-Control-Expose-Headers")).Split(',');
        var names = response.Headers.Select(header => header.Key)
            .Where(name => name.StartsWith("X-Yue-", StringComparison.Ordinal)).ToList();
        Assert.Contains("X-Yue-Gain-Db", names);
        Assert.Empty(names.Except(exposed));
    }

    private static HttpRequestMessage Request(HttpMethod method, string path, string? origin, string? site, string? mode)
    {
        var request = new HttpRequestMessage(method, path);
        foreach (var (name, value) in new[] { ("Origin", origin), ("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", mode) })
        {
            if (value is not null)
            {
                request.Headers.TryAddWithoutValidation(name, value);
            }
        }

        return request;
    }
}
