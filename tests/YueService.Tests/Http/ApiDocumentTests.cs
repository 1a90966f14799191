using System.Net;
using System.Text;
using System.Text.Json;
using Xunit;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

/// <summary>The interface describes itself.</summary>
public sealed class ApiDocumentTests : IDisposable
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
    public async Task Every_path_operation_and_field_is_described()
    {
        var document = await _client.GetJsonAsync("/openapi/v1.json");
        string[] expected =
        [
            "/health", "/health/live", "/health/ready", "/predict", "/v1/audio/speech", "/v1/models", "/v1/models/{id}",
            "/v1/songs", "/v1/songs/{id}", "/v1/songs/{id}/audio", "/v1/songs/{id}/codes", "/v1/songs/{id}/events",
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
    public async Task The_examples_are_requests_that_work()
    {
        var document = await _client.GetJsonAsync("/openapi/v1.json");
        var tried = 0;
        foreach (var path in document.GetProperty("paths").EnumerateObject())
        {
            if (!path.Value.TryGetProperty("post", out var post))
            {
                continue;
            }

            var example = post.GetProperty("requestBody").GetProperty("content").GetProperty("application/json").GetProperty("example")
                .ToString().Replace("\"demo\"", $"\"{FakeSongEngine.ModelName}\"", StringComparison.Ordinal);
            using var response = await _client.PostAsync(
                path.Name, new StringContent(example, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
            Assert.True(response.IsSuccessStatusCode, $"{path.Name}: {response.StatusCode}");
            tried++;
        }

        Assert.Equal(3, tried);
    }

    [Fact]
    public async Task A_field_of_several_forms_tells_them()
    {
        var document = await _client.GetJsonAsync("/openapi/v1.json");
        var fields = document.GetProperty("components").GetProperty("schemas").GetProperty("SongRequestBodyDescription").GetProperty("properties");
        var forms = fields.GetProperty("continue_from").GetProperty("oneOf");
        Assert.Equal(["null", "string"], new[] { forms[0], forms[1] }.Select(form => form.GetProperty("type").GetString()));
        Assert.Equal("#/components/schemas/SongCodes", forms[2].GetProperty("$ref").GetString());
        Assert.Equal(3, fields.GetProperty("target_seconds").GetProperty("oneOf").GetArrayLength());
    }

    [Fact]
    public async Task There_is_a_page_to_read_it()
    {
        using var page = await _client.GetAsync("/docs", TestContext.Current.CancellationToken);
        Assert.Equal((HttpStatusCode.OK, "text/html"), (page.StatusCode, page.Content.Headers.ContentType!.MediaType));
        Assert.Contains("YueService", await page.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    private static IEnumerable<string> UndescribedFields(JsonElement document) =>
        from schema in document.GetProperty("components").GetProperty("schemas").EnumerateObject()
        where schema.Value.TryGetProperty("properties", out _) && !schema.Name.StartsWith("Problem", StringComparison.Ordinal)
        from field in schema.Value.GetProperty("properties").EnumerateObject()
        where !field.Value.TryGetProperty("description", out _) && !field.Value.ToString().Contains("description", StringComparison.Ordinal)
            && !field.Value.ToString().Contains("$ref", StringComparison.Ordinal)
        select $"{schema.Name}.{field.Name}";
}
