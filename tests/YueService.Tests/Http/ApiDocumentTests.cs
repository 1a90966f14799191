using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;
using YueService.Api.Requests;
using YueService.Tests.EndToEnd;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

/// <summary>Tests the OpenAPI document.</summary>
public sealed partial class ApiDocumentTests : IDisposable
{
    private readonly YueApp _app = new();
    private readonly HttpClient _client;

    public ApiDocumentTests() => _client = _app.CreateClient();

    public void Dispose()
    {
        _client.Dispose();
        _app.Dispose();
    }

    [Fact]
    public async Task Every_path_is_listed_and_every_operation_and_field_is_described()
    {
        var document = await _client.GetJsonAsync("/openapi/v1.json");
        string[] expected =
        [
            "/health", "/health/live", "/health/ready", "/predict", "/v1/audio/speech", "/v1/clips", "/v1/clips/{id}",
            "/v1/events", "/v1/groups/{id}",
            "/v1/models", "/v1/models/{id}", "/v1/models/{id}/load", "/v1/models/{id}/unload", "/v1/options",
            "/v1/session", "/v1/songs", "/v1/songs/check", "/v1/songs/{id}",
            "/v1/songs/{id}/audio", "/v1/songs/{id}/codes", "/v1/songs/{id}/events",
            "/v1/songs/{id}/peaks", "/v1/songs/{id}/stream",
        ];
        Assert.Equal(expected, document.GetProperty("paths").EnumerateObject().Select(path => path.Name).Order(StringComparer.Ordinal));
        var undescribed = document.GetProperty("paths").EnumerateObject()
            .SelectMany(path => path.Value.EnumerateObject().Select(operation => (Name: $"{operation.Name} {path.Name}", operation.Value)))
            .Where(operation => !operation.Value.TryGetProperty("summary", out _))
            .Select(operation => operation.Name)
            .Concat(UndescribedFields(document));
        Assert.Empty(undescribed);
    }

    [Fact]
    public async Task Operations_are_grouped_by_their_subject()
    {
        var document = await _client.GetJsonAsync("/openapi/v1.json");
        string[] expected = ["Health", "Models", "OpenAI-style speech", "Options", "Reference clips", "Sign-in", "Songs", "Takes"];
        var used = document.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject())
            .Select(operation => Assert.Single(operation.Value.GetProperty("tags").EnumerateArray()).GetString());
        Assert.Equal(expected, used.Distinct().Order(StringComparer.Ordinal));
        Assert.Equal(expected, document.GetProperty("tags").EnumerateArray().Select(tag => tag.GetProperty("name").GetString())
            .Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Every_operation_is_in_the_reference_and_in_the_examples()
    {
        var docs = Path.Combine(DemoProcess.Repository, "docs");
        var (reference, examples) = (File.ReadAllText(Path.Combine(docs, "api.md")), File.ReadAllText(Path.Combine(docs, "songs.http")));
        var missing = new List<string>();
        foreach (var path in (await _client.GetJsonAsync("/openapi/v1.json")).GetProperty("paths").EnumerateObject())
        {
            var shape = Regex.Replace(Regex.Escape(path.Name), @"\\\{\w+}", @"[^/\s?]+");
            foreach (var method in path.Value.EnumerateObject().Select(operation => operation.Name.ToUpperInvariant()))
            {
                if (method != "HEAD" && !Regex.IsMatch(examples, $@"^{method} \{{\{{host}}}}{shape}(\?\S*)?$", RegexOptions.Multiline))
                {
                    missing.Add($"songs.http: {method} {path.Name}");
                }
            }

            if (!reference.Contains(path.Name, StringComparison.Ordinal))
            {
                missing.Add($"api.md: {path.Name}");
            }
        }

        Assert.Empty(missing);
    }

    [Fact]
    public async Task The_example_requests_work()
    {
        var document = await _client.GetJsonAsync("/openapi/v1.json");
        var tried = 0;
        foreach (var path in document.GetProperty("paths").EnumerateObject())
        {
            if (!path.Value.TryGetProperty("post", out var post) || !post.TryGetProperty("requestBody", out var sent))
            {
                continue;
            }

            if (!sent.TryGetProperty("$ref", out var reference))
            {
                // A file upload has no example.
                continue;
            }

            var body = reference.GetString()!.Split('/')[^1];
            var example = JsonBody(document, body)
                .GetProperty("example").ToString().Replace("\"demo\"", $"\"{FakeSongEngine.ModelName}\"", StringComparison.Ordinal);
            using var response = await _client.PostAsync(
                path.Name, new StringContent(example, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
            Assert.True(response.IsSuccessStatusCode, $"{path.Name}: {response.StatusCode}");
            tried++;
        }

        Assert.Equal(5, tried);
    }

    [Fact]
    public async Task A_field_with_several_types_lists_them()
    {
        var fields = await PropertiesAsync("SongRequest");
        var forms = fields.GetProperty("continue_from").GetProperty("oneOf");
        Assert.Equal(["null", "string"], new[] { forms[0], forms[1] }.Select(form => form.GetProperty("type").GetString()));
        Assert.Equal("#/components/schemas/SongCodes", forms[2].GetProperty("$ref").GetString());
        Assert.Equal(
            """[{"type":"null"},{"maximum":900,"minimum":1,"type":"number","format":"double"},"""
                + """{"maxItems":100,"minItems":1,"type":"array","items":{"maximum":900,"minimum":1,"type":"number","format":"double"}}]""",
            JsonSerializer.Serialize(fields.GetProperty("target_seconds").GetProperty("oneOf")));
    }

    [Theory]
    [InlineData("SongRequest", "max_new_tokens", """{"type":["null","integer"],"minimum":100,"maximum":10000}""")]
    [InlineData("SongRequest", "run_n_segments", """{"type":["null","integer"],"minimum":0,"maximum":10,"default":2}""")]
    [InlineData("SongRequest", "lyrics", """{"type":["null","string"],"minLength":1,"maxLength":20000}""")]
    [InlineData("SongRequest", "seed", """{"type":["null","integer"],"format":"int64","default":42}""")]
    [InlineData("SongRequest", "client_job_id", """{"maxLength":256,"pattern":"^[a-zA-Z0-9._:-]*$"}""")]
    [InlineData("SongRequest", "stage", """{"type":["null","string"],"enum":["full","draft","finish","score",null]}""")]
    [InlineData("SongRequest", "return_codes", """{"type":["null","boolean"],"default":false}""")]
    [InlineData("SongRequest", "output.sample_rate", """{"type":["null","integer"],"enum":[44100,16000,null]}""")]
    [InlineData("SongRequest", "output.format", """{"type":["null","string"],"enum":["wav","flac","mp3",null]}""")]
    [InlineData("SongRequest", "sampling.top_p", """{"type":["null","number"],"minimum":0.01,"maximum":1,"default":0.93}""")]
    [InlineData("SongRequest", "reference.end_seconds", """{"type":["null","number"],"minimum":0,"maximum":600,"default":30}""")]
    [InlineData("SpeechRequest", "input", """{"type":"string","minLength":1,"maxLength":20000}""")]
    [InlineData("SpeechRequest", "response_format", """{"enum":["wav","flac","mp3","opus","aac","pcm",null]}""")]
    public async Task Bounds_and_defaults_are_in_the_schema(string body, string path, string expected)
    {
        var actual = Property(await PropertiesAsync(body), path);
        foreach (var entry in JsonDocument.Parse(expected).RootElement.EnumerateObject())
        {
            Assert.True(JsonElement.DeepEquals(entry.Value, actual.GetProperty(entry.Name)), $"{entry.Name}: {actual}");
        }
    }

    /// <remarks>Some generated clients send the defaults of the schema for all fields that are not set.</remarks>
    [Fact]
    public async Task A_default_that_depends_on_other_fields_is_not_in_the_schema()
    {
        var properties = await PropertiesAsync("SongRequest");
        foreach (var field in SongFields.All)
        {
            var expected = field is { Otherwise: null } and not NamesField ? field.DefaultJson : null;
            Assert.Equal(expected, Property(properties, field.Path).TryGetProperty("default", out var value) ? value.GetRawText() : null);
        }
    }

    [Fact]
    public async Task The_content_policy_of_the_API_page_allows_only_its_own_code()
    {
        var nonces = new List<string>();
        for (var i = 0; i < 2; i++)
        {
            using var page = await _client.GetAsync("/docs/", TestContext.Current.CancellationToken);
            Assert.Equal((HttpStatusCode.OK, "text/html"), (page.StatusCode, page.Content.Headers.ContentType!.MediaType));
            var html = await page.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            Assert.Contains("YueService", html, StringComparison.Ordinal);
            Assert.DoesNotContain("://", html, StringComparison.Ordinal);
            var scripts = ScriptTag().Matches(html).Select(script => script.Groups["nonce"].Value).ToList();
            Assert.NotEmpty(scripts);
            var nonce = Assert.Single(scripts.Distinct());
            Assert.Matches("^[0-9a-f]{32}$", nonce);
            nonces.Add(nonce);
            Assert.Equal(
                [
                    "default-src 'none'", $"script-src 'self' 'nonce-{nonce}'", "style-src 'unsafe-inline'", "connect-src 'self'",
                    "img-src 'self' data:", "media-src 'self' blob:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
                ],
                Assert.Single(page.Headers.GetValues("Content-Security-Policy")).Split("; "));
            Assert.True(page.Headers.CacheControl!.NoStore);
        }

        Assert.Distinct(nonces);
    }

    [GeneratedRegex("<script(?=[ >])(?:[^>]*? nonce=\"(?<nonce>[^\"]*)\")?")]
    private static partial Regex ScriptTag();

    private static JsonElement JsonBody(JsonElement document, string name) => document
        .GetProperty("components").GetProperty("requestBodies").GetProperty(name).GetProperty("content").GetProperty("application/json");

    private async Task<JsonElement> PropertiesAsync(string body) =>
        JsonBody(await _client.GetJsonAsync("/openapi/v1.json"), body).GetProperty("schema").GetProperty("properties");

    private static JsonElement Property(JsonElement properties, string path) => path.Split('.') is [var parent, var name]
        ? properties.GetProperty(parent).GetProperty("oneOf")[1].GetProperty("properties").GetProperty(name)
        : properties.GetProperty(path);

    private static IEnumerable<string> UndescribedFields(JsonElement document)
    {
        var bodies = document.GetProperty("components").GetProperty("requestBodies").EnumerateObject()
            .Select(body => (body.Name, Schema: JsonBody(document, body.Name).GetProperty("schema")));
        return from schema in document.GetProperty("components").GetProperty("schemas").EnumerateObject()
                   .Select(schema => (schema.Name, Schema: schema.Value)).Concat(bodies)
               where schema.Schema.TryGetProperty("properties", out _) && !schema.Name.StartsWith("Problem", StringComparison.Ordinal)
               from field in schema.Schema.GetProperty("properties").EnumerateObject()
               where !field.Value.TryGetProperty("description", out _)
                   && !field.Value.ToString().Contains("description", StringComparison.Ordinal)
                   && !field.Value.ToString().Contains("$ref", StringComparison.Ordinal)
               select $"{schema.Name}.{field.Name}";
    }
}
