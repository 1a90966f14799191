using System.Net;
using System.Text.Json;
using Xunit;
using Yue.Engine.Scheduling;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

public sealed class HealthTests : IDisposable
{
    private readonly YueApp _app = new(("Yue:QueueCapacity", "3"));

    public void Dispose() => _app.Dispose();

    [Theory]
    [InlineData("/health")]
    [InlineData("/health/ready")]
    public async Task A_ready_service_returns_its_models_and_the_keys_of_the_old_service(string path)
    {
        _app.Engine.Slots = 0;
        using var client = _app.CreateClient();
        await client.SubmitAsync("la");
        var (status, health) = await GetAsync(path);
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("ok", health.GetProperty("status").GetString());
        Assert.Equal("ready", health.GetProperty("state").GetString());
        Assert.Equal("yue", health.GetProperty("service").GetString());
        Assert.Matches(@"^\d+\.\d+\.\d+(-[0-9a-z.]+)?$", health.GetProperty("version").GetString());
        Assert.Equal("cpu", health.GetProperty("device").GetString());
        Assert.False(health.GetProperty("demo").GetBoolean());
        var model = health.GetProperty("models")[0];
        Assert.Equal(("en-cot", "stage1", "f32", 12), (
            model.GetProperty("name").GetString(), model.GetProperty("role").GetString(),
            model.GetProperty("dtype").GetString(), model.GetProperty("parameters").GetInt64()));
        Assert.True(model.GetProperty("loaded").GetBoolean());
        var memory = health.GetProperty("memory");
        Assert.Equal((1000, 200, 300), (
            memory.GetProperty("total_bytes").GetInt64(), memory.GetProperty("used_bytes").GetInt64(),
            memory.GetProperty("planned_bytes").GetInt64()));
        var queue = health.GetProperty("queue");
        Assert.Equal((1, 1, 3), (
            queue.GetProperty("depth").GetInt32(), queue.GetProperty("running").GetInt32(), queue.GetProperty("capacity").GetInt32()));
    }

    [Theory]
    [InlineData("/health")]
    [InlineData("/health/ready")]
    public async Task A_loading_service_returns_a_503_with_the_model_and_the_progress(string path)
    {
        _app.Engine.Status = new EngineStatus { State = EngineState.Loading, Loading = "stage 1 en-cot", Percent = 41.26 };
        var (status, health) = await GetAsync(path);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Equal(("loading", "loading"), (health.GetProperty("status").GetString(), health.GetProperty("state").GetString()));
        Assert.Equal(("stage 1 en-cot", 41.3), (health.GetProperty("loading").GetString(), health.GetProperty("percent").GetDouble()));
    }

    [Fact]
    public async Task A_failed_service_returns_a_503_with_the_reason()
    {
        _app.Engine.Status = new EngineStatus { State = EngineState.Failed, Failure = "config.json has no hidden_size" };
        var (status, health) = await GetAsync("/health");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Equal(
            ("failed", "config.json has no hidden_size"),
            (health.GetProperty("status").GetString(), health.GetProperty("reason").GetString()));
        Assert.Equal(JsonValueKind.Null, health.GetProperty("loading").ValueKind);
    }

    [Fact]
    public async Task A_draining_service_returns_a_503()
    {
        _app.Engine.Status = _app.Engine.Status with { State = EngineState.Draining };
        var (status, health) = await GetAsync("/health");
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "draining"), (status, health.GetProperty("status").GetString()));
    }

    [Theory]
    [InlineData(EngineState.Loading)]
    [InlineData(EngineState.Ready)]
    [InlineData(EngineState.Failed)]
    [InlineData(EngineState.Draining)]
    public async Task The_process_is_alive_in_every_state(EngineState state)
    {
        _app.Engine.Status = new EngineStatus { State = state };
        var (status, health) = await GetAsync("/health/live");
        Assert.Equal((HttpStatusCode.OK, "ok"), (status, health.GetProperty("status").GetString()));
    }

    [Fact]
    public async Task The_use_of_the_demo_model_is_reported()
    {
        _app.Engine.Status = _app.Engine.Status with { IsDemo = true };
        var (_, health) = await GetAsync("/health");
        Assert.True(health.GetProperty("demo").GetBoolean());
        Assert.Contains("demo model", health.GetProperty("note").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_probe_may_use_HEAD()
    {
        using var client = _app.CreateClient();
        using var response = await client.SendAsync(
            new HttpRequestMessage(HttpMethod.Head, "/health"), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.True(response.Headers.CacheControl!.NoStore);
    }

    private async Task<(HttpStatusCode Status, JsonElement Health)> GetAsync(string path)
    {
        using var client = _app.CreateClient();
        using var response = await client.GetAsync(path, TestContext.Current.CancellationToken);
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        return (response.StatusCode, await response.JsonAsync());
    }
}
