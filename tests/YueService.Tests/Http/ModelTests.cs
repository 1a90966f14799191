using System.Net;
using System.Text.Json;
using Xunit;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

/// <summary>Tests <c>/v1/models</c>.</summary>
public sealed class ModelTests : IDisposable
{
    private readonly YueApp _app = new();
    private readonly HttpClient _client;

    public ModelTests() => _client = _app.CreateClient();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _client.Dispose();
        _app.Dispose();
    }

    [Fact]
    public async Task Models_that_requests_can_name_are_listed_with_their_capabilities()
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
        using var unknown = await _client.GetAsync("/v1/models/tts-1", Cancel);
        await unknown.ProblemAsync(HttpStatusCode.NotFound, "urn:yue:not-found");
    }

    [Fact]
    public async Task A_model_is_loaded_and_unloaded_and_shows_its_memory()
    {
        _app.Engine.SetLoaded = (name, isLoaded) =>
        {
            var status = _app.Engine.Status;
            _app.Engine.Status = status with
            {
                Models = [.. status.Models.Select(model => model.Name == name ? model with { Loaded = isLoaded } : model)],
            };
            return Task.FromResult(true);
        };
        var unloaded = await PostAsync("en-icl/unload");
        Assert.False(unloaded.GetProperty("loaded").GetBoolean());
        Assert.Equal(48, unloaded.GetProperty("bytes").GetInt64());
        Assert.False((await _client.GetJsonAsync("/v1/models/en-icl")).GetProperty("loaded").GetBoolean());
        Assert.True((await _client.GetJsonAsync("/v1/models/en-cot")).GetProperty("loaded").GetBoolean());
        Assert.True((await PostAsync("en-icl/load")).GetProperty("loaded").GetBoolean());
    }

    [Fact]
    public async Task A_model_that_cannot_be_loaded_or_unloaded_returns_a_problem_with_the_reason()
    {
        await ProblemAsync("tts-1/load", HttpStatusCode.NotFound, "urn:yue:not-found");
        _app.Engine.SetLoaded = (_, _) => Task.FromResult(false);
        await ProblemAsync("en-cot/unload", HttpStatusCode.Conflict, "urn:yue:model-in-use");
        _app.Engine.SetLoaded = (_, _) => throw new SongRequestException("not here");
        await ProblemAsync("en-cot/load", HttpStatusCode.Conflict, "urn:yue:model-elsewhere");
        _app.Engine.SetLoaded = (_, _) => throw new SongException("out of memory");
        await ProblemAsync("en-cot/load", HttpStatusCode.ServiceUnavailable, "urn:yue:model-not-loaded");
        _app.Engine.Status = _app.Engine.Status with { State = EngineState.Loading };
        await ProblemAsync("en-cot/load", HttpStatusCode.ServiceUnavailable, "urn:yue:not-ready");
    }

    [Fact]
    public async Task A_service_without_models_in_memory_is_idle_and_ready()
    {
        Assert.False((await _client.GetJsonAsync("/health")).GetProperty("idle").GetBoolean());
        var status = _app.Engine.Status;
        _app.Engine.Status = status with { Models = [.. status.Models.Select(model => model with { Loaded = false })] };
        var health = await _client.GetJsonAsync("/health");
        Assert.True(health.GetProperty("idle").GetBoolean());
        Assert.Equal("ok", health.GetProperty("status").GetString());
    }

    private async Task<JsonElement> PostAsync(string path)
    {
        using var response = await _client.PostAsync("/v1/models/" + path, null, Cancel);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        using var body = JsonDocument.Parse(await response.Content.ReadAsStringAsync(Cancel));
        return body.RootElement.Clone();
    }

    private async Task ProblemAsync(string path, HttpStatusCode status, string type)
    {
        using var response = await _client.PostAsync("/v1/models/" + path, null, Cancel);
        await response.ProblemAsync(status, type);
    }
}
