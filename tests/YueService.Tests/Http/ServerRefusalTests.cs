using Xunit;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

/// <summary>Tests requests that the server rejects before any of the service's code runs.</summary>
public sealed class ServerRefusalTests
{
    [Theory]
    [InlineData("GET /health HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "not valid HTTP")]
    [InlineData("GET /health HTTP/1.1\r\n\r\n", 400, "not valid HTTP")]
    [InlineData("nonsense\r\n\r\n", 400, "not valid HTTP")]
    [InlineData("G\u0001T / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "not valid HTTP")]
    [InlineData("GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n", 400, "not valid HTTP")]
    [InlineData("GET /%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "not valid HTTP")]
    [InlineData("POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400, "not valid HTTP")]
    [InlineData("POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", 400, "not valid HTTP")]
    [InlineData("GET / HTTP/3.7\r\nHost: localhost\r\n\r\n", 505, "Send HTTP/1.1")]
    public async Task A_request_that_is_not_valid_HTTP_gets_problem_details(string request, int status, string expected)
    {
        using var app = YueApp.OnSocket();
        using var client = app.CreateClient();
        var response = await client.BaseAddress!.SendRawAsync(request);
        Assert.Equal(status, response.Status);
        var problem = response.Problem();
        Assert.Equal("urn:yue:bad-request", problem.GetProperty("type").GetString());
        Assert.Contains(expected, problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal(problem.GetProperty("detail").GetString(), problem.GetProperty("error").GetProperty("message").GetString());
        Assert.Contains(problem.GetProperty("trace_id").GetString()!, app.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Long_request_lines_and_headers_get_problem_details_with_the_limit()
    {
        using var app = YueApp.OnSocket();
        using var client = app.CreateClient();
        var line = await client.BaseAddress!.SendRawAsync($"GET /{new string('x', 9000)} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        Assert.Equal(414, line.Status);
        Assert.Contains("8192 bytes", line.Problem().GetProperty("detail").GetString(), StringComparison.Ordinal);
        foreach (var headers in new[] { $"X: {new string('x', 40_000)}\r\n", string.Concat(Enumerable.Repeat("X: x\r\n", 101)) })
        {
            var response = await client.BaseAddress!.SendRawAsync($"GET / HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
            Assert.Equal(431, response.Status);
            Assert.Contains("32768 bytes", response.Problem().GetProperty("detail").GetString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_request_whose_headers_do_not_arrive_gets_problem_details()
    {
        using var app = YueApp.OnSocket();
        app.ConfigureServer = kestrel => kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(1);
        using var client = app.CreateClient();
        var response = await client.BaseAddress!.SendRawAsync("GET / HTTP/1.1\r\nHost: loc");
        Assert.Equal(408, response.Status);
        Assert.Contains("within 1 s.", response.Problem().GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_later_request_on_a_connection_is_refused_with_problem_details_too()
    {
        using var app = YueApp.OnSocket();
        using var client = app.CreateClient();
        var response = await client.BaseAddress!.SendRawAsync("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\nnonsense\r\n\r\n");
        Assert.Equal(200, response.Status);
        var second = new RawResponse(response.Text[response.Text.LastIndexOf("HTTP/1.1 ", StringComparison.Ordinal)..]);
        Assert.Equal(400, second.Status);
        second.Problem();
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n", 400)]
    [InlineData("GET / HTTP/3.7\r\nHost: localhost\r\n\r\n", 505)]
    public async Task A_refusal_over_https_has_problem_details(string request, int status)
    {
        using var app = YueApp.OnHttps();
        using var client = app.CreateClient();
        var served = await client.BaseAddress!.SendRawAsync(
            "GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        Assert.Equal(200, served.Status);
        var response = await client.BaseAddress!.SendRawAsync(request);
        Assert.Equal(status, response.Status);
        response.Problem();
    }
}
