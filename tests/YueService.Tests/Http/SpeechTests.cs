using System.Net;
using System.Text;
using Xunit;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

/// <summary>What OpenAI-style clients call.</summary>
public sealed class SpeechTests : IDisposable
{
    private readonly YueApp _app = new();
    private readonly HttpClient _client;

    public SpeechTests() => _client = _app.CreateClient();

    public void Dispose()
    {
        _client.Dispose();
        _app.Dispose();
    }

    [Theory]
    [InlineData("", "audio/wav", "RIFF")]
    [InlineData(""","response_format":"wav" """, "audio/wav", "RIFF")]
    [InlineData(""","response_format":"flac" """, "audio/flac", "flac")]
    [InlineData(""","response_format":"mp3" """, "audio/mpeg", "mp3")]
    public async Task The_answer_is_the_bytes_of_the_file(string more, string mediaType, string begins)
    {
        using var response = await SpeakAsync(
            $$"""{"model":"en-icl","input":"[verse]\nla","instructions":"folk","voice":"alloy","seed":-3{{more}}}""");
        Assert.Equal((HttpStatusCode.OK, mediaType), (response.StatusCode, response.Content.Headers.ContentType!.MediaType));
        Assert.StartsWith(
            begins, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Equal(
            new SongRequest { Lyrics = "[verse]\nla", Genre = "folk", Model = "en-icl", Seed = -3, RunNSegments = 0 },
            Assert.Single(_app.Engine.Requests));
        Assert.Contains("voice was ignored", response.Headers.GetValues("X-Yue-Warnings").Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Faults_are_named_as_the_client_calls_the_fields()
    {
        using var response = await SpeakAsync("""{"model":"tts-1","input":" ","instructions":3,"response_format":"opus","seed":"x"}""");
        Assert.Equal(
            ["input", "instructions", "model", "response_format", "seed"],
            (await response.FaultsAsync()).Keys.Order(StringComparer.Ordinal));
        using var empty = await SpeakAsync("{}");
        Assert.Equal(["input"], (await empty.FaultsAsync()).Keys);
    }

    [Fact]
    public async Task A_full_queue_is_a_429()
    {
        _app.FillQueue();
        using var response = await SpeakAsync("""{"input":"la"}""");
        await response.ProblemAsync(HttpStatusCode.TooManyRequests, "urn:yue:queue-full");
    }

    [Fact]
    public async Task The_models_are_those_that_requests_can_name_with_their_capabilities()
    {
        var list = await _client.GetJsonAsync("/v1/models");
        Assert.Equal("list", list.GetProperty("object").GetString());
        Assert.Equal(["en-cot", "en-icl"], list.GetProperty("data").EnumerateArray().Select(model => model.GetProperty("id").GetString()));
        Assert.All(list.GetProperty("data").EnumerateArray(), model => Assert.Equal("model", model.GetProperty("object").GetString()));
        Assert.All(list.GetProperty("data").EnumerateArray(), model => Assert.Equal("yue1", model.GetProperty("family").GetString()));
        Assert.Equal(
            ["reference_clip", "stems", "sing_again", "instrumental"],
            list.GetProperty("data")[0].GetProperty("capabilities").EnumerateArray().Select(capability => capability.GetString()));
        Assert.Equal("en-icl", (await _client.GetJsonAsync("/v1/models/en-icl")).GetProperty("id").GetString());
        using var unknown = await _client.GetAsync("/v1/models/tts-1", TestContext.Current.CancellationToken);
        await unknown.ProblemAsync(HttpStatusCode.NotFound, "urn:yue:not-found");
    }

    [Theory]
    [InlineData("Bearer no", "/v1/audio/speech", "{}", 401, "authentication_error")]
    [InlineData("Bearer k", "/v1/audio/speech", "{", 400, "invalid_request_error")]
    [InlineData("Bearer k", "/v1/audio/speech", "{}", 422, "invalid_request_error")]
    [InlineData("Bearer k", "/v1/audio/speech", null, 405, "invalid_request_error")]
    [InlineData("Bearer k", "/v1/models/tts-1", null, 404, "invalid_request_error")]
    [InlineData("Bearer k", "/v1/chat/completions", "{}", 404, "invalid_request_error")]
    [InlineData("Bearer k", "/v1/audio/speech", "text", 415, "invalid_request_error")]
    [InlineData("Bearer k", "/v1/audio/speech", "full", 429, "rate_limit_error")]
    [InlineData("Bearer k", "/v1/audio/speech", "bug", 500, "server_error")]
    [InlineData("Bearer k", "/v1/audio/speech", "loading", 503, "server_error")]
    public async Task Errors_have_the_form_of_OpenAI_too(string key, string path, string? body, int status, string type)
    {
        using var app = new YueApp(("Yue:ApiKey", "k"));
        using var client = app.CreateClient();
        _ = body == "full" ? app.FillQueue() : 0;
        app.Engine.Status = body == "loading" ? app.Engine.Status with { State = EngineState.Loading } : app.Engine.Status;
        app.Engine.Sing = (_, _, _) => throw new InvalidOperationException("a bug");
        using var request = new HttpRequestMessage(body is null ? HttpMethod.Get : HttpMethod.Post, path);
        request.Headers.TryAddWithoutValidation("Authorization", key);
        if (body is not null)
        {
            var json = body.StartsWith('{') ? body : """{"input":"la"}""";
            request.Content = new StringContent(json, Encoding.UTF8, body == "text" ? "text/plain" : "application/json");
        }

        using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
        var problem = await response.JsonAsync();
        Assert.Equal((status, "application/problem+json"), ((int)response.StatusCode, response.Content.Headers.ContentType?.MediaType));
        var error = problem.GetProperty("error");
        Assert.Equal(
            (problem.GetProperty("detail").GetString(), type, problem.GetProperty("type").GetString()),
            (error.GetProperty("message").GetString(), error.GetProperty("type").GetString(), error.GetProperty("code").GetString()));
    }

    [Fact]
    public async Task Errors_of_other_paths_are_problem_details_alone()
    {
        using var response = await _client.PredictAsync("{}");
        Assert.False((await response.JsonAsync()).TryGetProperty("error", out _));
    }

    private Task<HttpResponseMessage> SpeakAsync(string json) => _client.PostAsync(
        "/v1/audio/speech", new StringContent(json, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
}
