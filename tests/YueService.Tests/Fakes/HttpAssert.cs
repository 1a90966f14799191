using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Xunit;

namespace YueService.Tests.Fakes;

/// <summary>The requests and checks that are common to most HTTP tests.</summary>
internal static class HttpAssert
{
    public static Task<HttpResponseMessage> PredictAsync(
        this HttpClient client, string json, Action<HttpRequestMessage>? configure = null) =>
        client.PredictAsync(new StringContent(json, Encoding.UTF8, new MediaTypeHeaderValue("application/json")), configure);

    public static Task<HttpResponseMessage> PredictAsync(
        this HttpClient client, HttpContent content, Action<HttpRequestMessage>? configure = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/predict") { Content = content };
        configure?.Invoke(request);
        return client.SendAsync(request, TestContext.Current.CancellationToken);
    }

    public static async Task<JsonElement> JsonAsync(this HttpResponseMessage response)
    {
        await using var stream = await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        using var document = await JsonDocument.ParseAsync(stream, cancellationToken: TestContext.Current.CancellationToken);
        return document.RootElement.Clone();
    }

    /// <summary>Checks that the response is a song and returns its JSON.</summary>
    public static async Task<JsonElement> SongAsync(this HttpResponseMessage response)
    {
        Assert.True(
            response.StatusCode == HttpStatusCode.OK,
            $"{response.StatusCode}: {await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)}");
        return await response.JsonAsync();
    }

    /// <summary>Checks the form of the response's problem details and returns them.</summary>
    public static async Task<JsonElement> ProblemAsync(this HttpResponseMessage response, HttpStatusCode status, string type)
    {
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        var problem = await response.JsonAsync();
        Assert.Equal((status, type), (response.StatusCode, problem.GetProperty("type").GetString()));
        Assert.Equal((int)status, problem.GetProperty("status").GetInt32());
        Assert.NotEmpty(problem.GetProperty("title").GetString()!);
        Assert.NotEmpty(problem.GetProperty("detail").GetString()!);
        Assert.Matches("^[0-9a-f]{32}$", problem.GetProperty("trace_id").GetString());
        return problem;
    }

    /// <summary>Returns the errors of a 422 response by field.</summary>
    public static async Task<Dictionary<string, string>> FieldErrorsAsync(this HttpResponseMessage response)
    {
        var problem = await response.ProblemAsync(HttpStatusCode.UnprocessableEntity, "urn:yue:invalid-request");
        return problem.GetProperty("errors").EnumerateObject()
            .ToDictionary(
                field => field.Name, field => string.Join(' ', field.Value.EnumerateArray().Select(message => message.GetString())));
    }

    public static string[] Strings(this JsonElement array) => [.. array.EnumerateArray().Select(item => item.GetString()!)];
}
