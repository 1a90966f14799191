using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Xunit;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

public sealed class BodyTests : IDisposable
{
    private readonly YueApp _app = new();

    public void Dispose() => _app.Dispose();

    [Theory]
    [InlineData("", "The body is empty")]
    [InlineData("  \n", "The body is empty")]
    [InlineData("{", "line 1, byte 2")]
    [InlineData("{\"lyrics\":\"la\",}", "trailing comma")]
    [InlineData("{\"lyrics\":\n  NaN}", "line 2, byte 3")]
    [InlineData("{'lyrics':'la'}", "line 1, byte 2")]
    [InlineData("{\"lyrics\":\"la\"} x", "line 1, byte 17")]
    [InlineData("{\"lyrics\":\"l\u0001a\"}", "line 1, byte 13")]
    [InlineData("{\"lyrics\":\"\\x\"}", "line 1, byte")]
    [InlineData("// comment\n{\"lyrics\":\"la\"}", "line 1, byte 1")]
    public async Task Malformed_json_causes_a_400_with_the_position(string body, string expected)
    {
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync(body);
        var problem = await response.ProblemAsync(HttpStatusCode.BadRequest, "urn:yue:malformed-json");
        var detail = problem.GetProperty("detail").GetString()!;
        Assert.Contains(expected, detail, StringComparison.Ordinal);
        Assert.DoesNotContain("reader options", detail, StringComparison.Ordinal);
        Assert.Empty(_app.Engine.Requests);
    }

    [Fact]
    public async Task Nesting_beyond_the_depth_limit_of_the_parser_causes_a_400()
    {
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync("{\"lyrics\":" + new string('[', 100_000));
        await response.ProblemAsync(HttpStatusCode.BadRequest, "urn:yue:malformed-json");
    }

    [Fact]
    public async Task A_body_that_is_not_utf8_causes_a_400_with_the_position()
    {
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync(Json([.. "{\"lyrics\":\"l"u8, 0xC3, 0x28, .. "\"}"u8]));
        var problem = await response.ProblemAsync(HttpStatusCode.BadRequest, "urn:yue:malformed-json");
        Assert.Equal("The body is not valid UTF-8 at byte 13.", problem.GetProperty("detail").GetString());
    }

    [Fact]
    public async Task A_byte_order_mark_is_skipped()
    {
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync(Json([0xEF, 0xBB, 0xBF, .. "{\"lyrics\":\"la\"}"u8]));
        await response.SongAsync();
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("multipart/mixed; boundary=x")]
    [InlineData("multipart/form-data")]
    [InlineData("application/json; charset=utf-16")]
    [InlineData("nonsense")]
    public async Task A_body_of_an_unsupported_type_causes_a_415(string contentType)
    {
        var content = new ByteArrayContent("{\"lyrics\":\"la\"}"u8.ToArray());
        content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync(content);
        await response.ProblemAsync(HttpStatusCode.UnsupportedMediaType, "urn:yue:unsupported-media-type");
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("application/json; charset=\"UTF-8\"")]
    [InlineData("application/json; charset=UTF8")]
    [InlineData("application/json; charset=us-ascii")]
    [InlineData("application/vnd.song+json")]
    public async Task All_JSON_media_types_are_accepted(string contentType)
    {
        var content = new ByteArrayContent("{\"lyrics\":\"la\"}"u8.ToArray());
        content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync(content);
        await response.SongAsync();
    }

    [Fact]
    public async Task A_compressed_body_causes_a_415()
    {
        var content = Json("{\"lyrics\":\"la\"}"u8.ToArray());
        content.Headers.ContentEncoding.Add("gzip");
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync(content);
        await response.ProblemAsync(HttpStatusCode.UnsupportedMediaType, "urn:yue:unsupported-media-type");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_body_of_ten_megabytes_causes_a_413_on_a_real_socket(bool chunked)
    {
        using var app = YueApp.OnSocket();
        using var client = app.CreateClient();
        using var response = await client.PredictAsync(
            Json(Encoding.UTF8.GetBytes($"{{\"lyrics\":\"{new string('x', 10_000_000)}\"}}")),
            request => request.Headers.TransferEncodingChunked = chunked);
        var problem = await response.ProblemAsync(HttpStatusCode.RequestEntityTooLarge, "urn:yue:body-too-large");
        Assert.Contains("2097152 bytes", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Empty(app.Engine.Requests);
    }

    [Theory]
    [InlineData(2000, false, true)]
    [InlineData(2001, false, false)]
    [InlineData(2000, true, true)]
    [InlineData(2001, true, false)]
    public async Task The_body_limit_is_exact_and_configurable(int bytes, bool chunked, bool isAccepted)
    {
        using var app = YueApp.OnSocket(("Yue:MaxBodyBytes", "2000"));
        using var client = app.CreateClient();
        using var response = await client.PredictAsync(
            "{\"lyrics\":\"la\"}".PadRight(bytes), request => request.Headers.TransferEncodingChunked = chunked);
        Assert.Equal(isAccepted ? HttpStatusCode.OK : HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
    }

    [Theory]
    [InlineData("GET", "/predict", HttpStatusCode.MethodNotAllowed, "urn:yue:method-not-allowed")]
    [InlineData("DELETE", "/health", HttpStatusCode.MethodNotAllowed, "urn:yue:method-not-allowed")]
    [InlineData("GET", "/nothing", HttpStatusCode.NotFound, "urn:yue:not-found")]
    [InlineData("POST", "/", HttpStatusCode.NotFound, "urn:yue:not-found")]
    [InlineData("GET", "/openapi/v2.json", HttpStatusCode.NotFound, "urn:yue:not-found")]
    [InlineData("GET", "/openapi/v1.yaml", HttpStatusCode.NotFound, "urn:yue:not-found")]
    [InlineData("POST", "/openapi/v1.json", HttpStatusCode.MethodNotAllowed, "urn:yue:method-not-allowed")]
    [InlineData("GET", "/v1/songs/x/nothing", HttpStatusCode.NotFound, "urn:yue:not-found")]
    public async Task Unknown_paths_and_methods_return_problem_details(string method, string path, HttpStatusCode status, string type)
    {
        using var client = _app.CreateClient();
        using var response = await client.SendAsync(
            new HttpRequestMessage(new HttpMethod(method), path), TestContext.Current.CancellationToken);
        await response.ProblemAsync(status, type);
        Assert.Equal(status == HttpStatusCode.MethodNotAllowed, response.Content.Headers.Allow.Count > 0);
    }

    private static ByteArrayContent Json(byte[] body)
    {
        var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return content;
    }
}
