using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Xunit;
using Yue.Testing;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

/// <summary>Tests API keys, rate limits and time limits.</summary>
public sealed class AccessTests
{
    private const string Body = """{"lyrics":"la"}""";

    [Theory]
    [InlineData(null, false)]
    [InlineData("Bearer wrong", false)]
    [InlineData("Bearer ", false)]
    [InlineData("Basic key-one", false)]
    [InlineData("key-one", false)]
    [InlineData("Bearer key-on", false)]
    [InlineData("Bearer key-one, key-two", false)]
    [InlineData("Bearer key-one", true)]
    [InlineData("bearer key-two", true)]
    public async Task With_an_API_key_set_every_path_but_health_requires_it(string? authorization, bool allowed)
    {
        using var app = new YueApp(("Yue:ApiKey", "key-one, key-two"));
        using var client = app.CreateClient();
        if (authorization is not null)
        {
            client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", authorization);
        }

        foreach (var path in new[] { "/v1/songs", "/v1/songs/x", "/metrics", "/openapi/v1.json", "/docs/", "/v1/models", "/nosuch" })
        {
            using var response = await client.GetAsync(path, TestContext.Current.CancellationToken);
            if (allowed)
            {
                Assert.NotEqual(HttpStatusCode.Unauthorized, response.StatusCode);
                continue;
            }

            await response.ProblemAsync(HttpStatusCode.Unauthorized, "urn:yue:unauthorized");
            Assert.Equal("Bearer", Assert.Single(response.Headers.WwwAuthenticate).Scheme);
        }

        using var song = await client.PredictAsync(Body);
        Assert.Equal(allowed ? HttpStatusCode.OK : HttpStatusCode.Unauthorized, song.StatusCode);
        foreach (var path in new[] { "/health", "/health/live", "/health/ready" })
        {
            using var health = await client.GetAsync(path, TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.OK, health.StatusCode);
        }

        Assert.DoesNotContain("key-one", app.Log.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://127.0.0.1:0", "", false)]
    [InlineData("http://localhost:0", "", false)]
    [InlineData("http://unix:/tmp/yue-no-such.sock", "", false)]
    [InlineData("http://127.0.0.1:0;http://0.0.0.0:0", "", true)]
    [InlineData("http://*:0", "", true)]
    [InlineData("http://*:0", "key-one", false)]
    public void A_public_address_without_an_API_key_causes_a_warning_at_startup(string urls, string key, bool warns)
    {
        using var app = new YueApp(("urls", urls), ("Yue:ApiKey", key));
        using var client = app.CreateClient();
        Assert.Equal(warns, app.Log.Text.Contains("Warning No API key is set", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_number_of_songs_per_minute_is_limited_for_each_key()
    {
        using var app = new YueApp(("Yue:ApiKey", "a,b"), ("Yue:RateLimitPerMinute", "2"));
        using var client = app.CreateClient();
        foreach (var expected in new[] { HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.TooManyRequests })
        {
            using var response = await client.PredictAsync(Body, request => Authorize(request, "a"));
            Assert.Equal(expected, response.StatusCode);
            if (expected == HttpStatusCode.TooManyRequests)
            {
                await response.ProblemAsync(expected, "urn:yue:rate-limited");
                Assert.InRange(response.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
            }
        }

        using var other = await client.PredictAsync(Body, request => Authorize(request, "b"));
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);
        using var list = new HttpRequestMessage(HttpMethod.Get, "/v1/songs");
        Authorize(list, "a");
        using var listed = await client.SendAsync(list, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, listed.StatusCode);
    }

    [Theory]
    [InlineData("a", "Bearer a", "bearer a", "BEARER  a")]
    [InlineData("", "Bearer x", "Bearer y", "Basic z")]
    public async Task A_different_authorization_header_does_not_bypass_the_limit(string keys, params string[] headers)
    {
        using var app = new YueApp(("Yue:ApiKey", keys), ("Yue:RateLimitPerMinute", "2"));
        using var client = app.CreateClient();
        var statuses = new List<HttpStatusCode>();
        foreach (var header in headers)
        {
            using var response = await client.PredictAsync(
                Body, request => request.Headers.TryAddWithoutValidation("Authorization", header));
            statuses.Add(response.StatusCode);
        }

        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.TooManyRequests], statuses);
    }

    [Fact]
    public async Task Without_the_setting_there_is_no_rate_limit()
    {
        using var app = new YueApp();
        using var client = app.CreateClient();
        for (var i = 0; i < 100; i++)
        {
            using var response = await client.PredictAsync(Body);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
    }

    [Fact]
    public async Task A_song_that_takes_too_long_causes_a_504_and_is_cancelled()
    {
        using var app = new YueApp(("Yue:SongTimeoutSeconds", "1"));
        var stage = new StagedEngine(app.Engine);
        using var client = app.CreateClient();
        using var running = await client.PredictAsync(Body);
        await running.ProblemAsync(HttpStatusCode.GatewayTimeout, "urn:yue:timeout");

        // The engine is free again. A job has no such limit, so it is still running when a later request times out.
        var job = await client.SubmitAsync("job");
        await client.WhenAsync(job, "running");
        using var waiting = await client.PredictAsync(Body);
        await waiting.ProblemAsync(HttpStatusCode.GatewayTimeout, "urn:yue:timeout");
        Assert.Equal("running", await client.StateAsync(job));
        stage["job"].Finish();
        await client.WhenAsync(job, "succeeded");
    }

    [Fact]
    public async Task A_body_that_does_not_arrive_causes_a_504_after_the_request_timeout()
    {
        using var app = YueApp.OnSocket(("Yue:RequestTimeoutSeconds", "1"));
        using var started = app.CreateClient();
        using var socket = new TcpClient(started.BaseAddress!.Host, started.BaseAddress.Port);
        await using var stream = socket.GetStream();
        await stream.WriteAsync(
            "POST /v1/songs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{"u8.ToArray(),
            TestContext.Current.CancellationToken);
        using var reader = new StreamReader(stream);
        var status = await reader.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().InTime();
        Assert.Equal("HTTP/1.1 504 Gateway Timeout", status);
        Assert.Empty(app.Engine.Requests);
    }

    private static void Authorize(HttpRequestMessage request, string key) =>
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
}
