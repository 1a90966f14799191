using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Routing;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;
using Xunit;
using Yue.Testing;
using YueService.Hosting;
using YueService.Jobs.Shared;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

/// <summary>Tests that agents can make songs with the MCP server, and that the rules of the HTTP API apply to its tools.</summary>
public sealed class AgentTests : IDisposable
{
    private const string Initialize =
        """{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"""
        + """ "clientInfo":{"name":"test","version":"1"}}}""";

    private readonly YueApp _app = new();

    public void Dispose() => _app.Dispose();

    [Fact]
    public async Task The_tools_are_listed_with_the_fields_of_the_API()
    {
        await using var agent = await ConnectAsync(_app);
        var tools = (await agent.ListToolsAsync(cancellationToken: TestContext.Current.CancellationToken))
            .ToDictionary(tool => tool.Name, tool => tool.JsonSchema);
        Assert.Equal(
            [
                "cancel_group", "cancel_song", "check_song", "get_group", "get_song", "list_songs", "make_song", "remake_song",
                "song_links",
            ],
            tools.Keys.Order(StringComparer.Ordinal));
        var lyrics = tools["make_song"].GetProperty("properties").GetProperty("lyrics");
        Assert.Equal(20_000, lyrics.GetProperty("maxLength").GetInt32());
        var sampling = tools["make_song"].GetProperty("properties").GetProperty("sampling").GetProperty("oneOf")[1];
        Assert.Equal(0.93, sampling.GetProperty("properties").GetProperty("top_p").GetProperty("default").GetDouble());
        Assert.Equal("continue_from", tools["remake_song"].GetProperty("required")[0].GetString());
        Assert.Equal(100, tools["list_songs"].GetProperty("properties").GetProperty("limit").GetProperty("maximum").GetInt32());
        Assert.All(tools.Values, schema => Assert.DoesNotContain("$ref", schema.GetRawText(), StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_song_is_made_and_its_links_work()
    {
        await using var agent = await ConnectAsync(_app);
        var job = await CallAsync(agent, "make_song", """{"lyrics":"[verse]\nla la","seed":7}""");
        var id = job.GetProperty("id").GetString()!;
        var done = await WhenEndedAsync(agent, id);
        Assert.Equal("succeeded", done.GetProperty("state").GetString());
        Assert.Equal(7, done.GetProperty("song").GetProperty("seed").GetInt64());

        using var http = _app.CreateClient();
        var links = await CallAsync(agent, "song_links", Id(id));
        foreach (var link in new[] { "stream", "audio" })
        {
            var url = new Uri(links.GetProperty(link).GetString()!);
            Assert.True(url.IsAbsoluteUri);
            var sound = await http.GetByteArrayAsync(url, TestContext.Current.CancellationToken);
            Assert.Equal("RIFF"u8, sound.AsSpan(0, 4));
        }

        var list = await CallAsync(agent, "list_songs", """{"limit":1,"state":"succeeded","favourite":false,"q":"la"}""");
        Assert.Equal(id, Assert.Single(list.GetProperty("songs").EnumerateArray()).GetProperty("id").GetString());
    }

    [Fact]
    public async Task A_finished_song_is_remade_and_is_not_removed_by_cancelling()
    {
        await using var agent = await ConnectAsync(_app);
        var first = (await CallAsync(agent, "make_song", """{"lyrics":"[verse]\nla","stage":"draft"}""")).GetProperty("id").GetString()!;
        await WhenEndedAsync(agent, first);
        var remake = await CallAsync(agent, "remake_song", $$"""{"continue_from":"{{first}}","stage":"finish"}""");
        Assert.Equal(first, remake.GetProperty("parent").GetProperty("id").GetString());
        await WhenEndedAsync(agent, remake.GetProperty("id").GetString()!);
        Assert.Equal(["Draft", "Finish"], _app.Engine.Requests.Select(request => request.Scope.ToString()));

        Assert.Equal("succeeded", (await CallAsync(agent, "cancel_song", Id(first))).GetProperty("state").GetString());
        Assert.Equal("succeeded", (await CallAsync(agent, "get_song", Id(first))).GetProperty("state").GetString());
        var refused = await RefusalAsync(agent, "remake_song", """{"lyrics":"[verse]\nla"}""");
        Assert.Contains("continue_from is missing", Error(refused, "continue_from"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_running_song_and_the_takes_of_a_group_are_cancelled()
    {
        var stage = new StagedEngine(_app.Engine);
        await using var agent = await ConnectAsync(_app);
        var id = (await CallAsync(agent, "make_song", """{"lyrics":"la"}""")).GetProperty("id").GetString()!;
        await stage["la"].Started.Task.InTime();
        await CallAsync(agent, "cancel_song", Id(id));
        Assert.Equal("cancelled", (await WhenEndedAsync(agent, id)).GetProperty("state").GetString());

        var group = (await CallAsync(agent, "make_song", """{"lyrics":"lo","takes":2}""")).GetProperty("id").GetString()!;
        await stage["lo"].Started.Task.InTime();
        await CallAsync(agent, "cancel_group", Id(group));
        await Eventually.TrueAsync(async () =>
            (await CallAsync(agent, "get_group", Id(group))).GetProperty("state").GetString() == "cancelled");
    }

    [Fact]
    public async Task Invalid_arguments_return_the_errors_of_the_API()
    {
        await using var agent = await ConnectAsync(_app);
        var check = await CallAsync(agent, "check_song", """{"lyrics":""}""");
        Assert.False(check.GetProperty("valid").GetBoolean());
        Assert.Contains("lyrics has 0 characters", Error(check, "lyrics"), StringComparison.Ordinal);
        foreach (var (tool, arguments, field, message) in new[]
        {
            ("make_song", """{"lyrics":"la","sampling":{"top_p":2}}""", "sampling.top_p", "is 2; send a number from 0.01 to 1"),
            ("list_songs", """{"limit":0}""", "limit", "is 0; send a whole number from 1 to 100"),
            ("list_songs", """{"colour":"red"}""", "colour", "is not a known query parameter"),
            ("get_song", "{}", "id", "is missing"),
            ("get_song", """{"id":"a","song":1}""", "song", "is not a known field"),
        })
        {
            var refused = await RefusalAsync(agent, tool, arguments);
            Assert.Equal("urn:yue:invalid-request", refused.GetProperty("type").GetString());
            Assert.Contains($"{field} {message}", Error(refused, field), StringComparison.Ordinal);
        }

        var missing = await RefusalAsync(agent, "song_links", Id("no-such-song"));
        Assert.Equal("urn:yue:not-found", missing.GetProperty("type").GetString());
    }

    [Fact]
    public async Task The_queue_capacity_and_the_rate_limit_apply_to_tools()
    {
        using var app = new YueApp(("Yue:RateLimitPerMinute", "3"));
        await using var agent = await ConnectAsync(app);
        await CallAsync(agent, "make_song", """{"lyrics":"la"}""");
        app.FillQueue();
        var full = await RefusalAsync(agent, "make_song", """{"lyrics":"la"}""");
        Assert.Equal("urn:yue:queue-full", full.GetProperty("type").GetString());
        var second = await RefusalAsync(agent, "make_song", """{"lyrics":"la","takes":2}""");
        Assert.Equal("urn:yue:rate-limited", second.GetProperty("type").GetString());
        await CallAsync(agent, "list_songs", "{}");

        // The other endpoints share the limit.
        using var http = app.CreateClient();
        using var response = await http.PostSongAsync("""{"lyrics":"la"}""");
        Assert.Equal(HttpStatusCode.TooManyRequests, response.StatusCode);
    }

    [Fact]
    public async Task The_tools_need_the_API_key()
    {
        using var app = new YueApp(("Yue:ApiKey", "secret"));
        using var http = app.CreateClient();
        using var refused = await SendAsync(http, Initialize);
        await refused.ProblemAsync(HttpStatusCode.Unauthorized, "urn:yue:unauthorized");
        await using var agent = await ConnectAsync(app, "secret");
        await CallAsync(agent, "make_song", """{"lyrics":"la"}""");
    }

    [Fact]
    public async Task Foreign_origins_oversized_messages_and_invalid_JSON_are_refused()
    {
        using var app = new YueApp(("Yue:MaxBodyBytes", "2048"));
        using var http = app.CreateClient();
        using var foreign = await SendAsync(http, Initialize, ("Origin", "https://evil.example"));
        await foreign.ProblemAsync(HttpStatusCode.Forbidden, "urn:yue:foreign-origin");
        using var unknown = await SendAsync(http, Initialize, ("Host", "evil.example"));
        await unknown.ProblemAsync(HttpStatusCode.MisdirectedRequest, "urn:yue:unknown-host");
        using var large = await SendAsync(http, Initialize + new string(' ', 2048));
        await large.ProblemAsync(HttpStatusCode.RequestEntityTooLarge, "urn:yue:body-too-large");
        using var text = await SendAsync(http, "la la");
        await text.ProblemAsync(HttpStatusCode.BadRequest, "urn:yue:malformed-json");
        using var own = await SendAsync(http, Initialize, ("Origin", "http://localhost"));
        Assert.Equal(HttpStatusCode.OK, own.StatusCode);
    }

    [Fact]
    public async Task Llms_txt_names_all_tools_and_links_only_to_existing_pages()
    {
        using var app = new YueApp(("Yue:ApiKey", "secret"));
        using var http = app.CreateClient();
        using var response = await http.GetAsync("/llms.txt", TestContext.Current.CancellationToken);
        Assert.Equal("text/plain", response.Content.Headers.ContentType!.MediaType);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        await using var agent = await ConnectAsync(app, "secret");
        foreach (var tool in await agent.ListToolsAsync(cancellationToken: TestContext.Current.CancellationToken))
        {
            Assert.Contains($"`{tool.Name}`", text, StringComparison.Ordinal);
        }

        http.DefaultRequestHeaders.Authorization = new("Bearer", "secret");
        var links = System.Text.RegularExpressions.Regex.Matches(text, @"\]\((/[^)]*)\)").Select(link => link.Groups[1].Value).ToList();
        Assert.NotEmpty(links);
        foreach (var link in links)
        {
            using var page = await http.GetAsync(link, TestContext.Current.CancellationToken);
            Assert.True(page.StatusCode != HttpStatusCode.NotFound, link);
        }
    }

    [Fact]
    public async Task A_worker_has_no_MCP_endpoint()
    {
        Assert.Contains("/mcp", await RoutesAsync(ServiceRole.Api));
        Assert.DoesNotContain("/mcp", await RoutesAsync(ServiceRole.Worker));
    }

    private static async Task<List<string?>> RoutesAsync(ServiceRole role)
    {
        using var state = new TemporaryFolder();
        await using var app = YueHost.BuildService(
            new HostSettings(
                [new("Yue:StateFolder", state.Path), new("Yue:Store", "Host=127.0.0.1;Port=1"), new("Yue:Files", state.Path)], []),
            services => services.AddSongEngine<FakeSongEngine, FakeSongEncoder>(),
            role);
        IEndpointRouteBuilder routes = app;
        return [.. routes.DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
            .Select(endpoint => endpoint.RoutePattern.RawText?.TrimEnd('/'))];
    }

    private static async Task<McpClient> ConnectAsync(YueApp app, string? key = null)
    {
        var http = app.CreateClient();
        if (key is not null)
        {
            http.DefaultRequestHeaders.Authorization = new("Bearer", key);
        }

        var transport = new HttpClientTransport(
            new() { Endpoint = new Uri(http.BaseAddress!, "/mcp"), TransportMode = HttpTransportMode.StreamableHttp },
            http,
            ownsHttpClient: true);
        return await McpClient.CreateAsync(transport, cancellationToken: TestContext.Current.CancellationToken);
    }

    /// <summary>Calls a tool, which must succeed, and returns its result.</summary>
    private static async Task<JsonElement> CallAsync(McpClient agent, string tool, string arguments)
    {
        var result = await ResultAsync(agent, tool, arguments);
        Assert.True(result.IsError is not true, result.Content.OfType<TextContentBlock>().FirstOrDefault()?.Text);
        return result.StructuredContent!.Value;
    }

    /// <summary>Calls a tool, which must fail, and returns the problem details. The text of the result must have the same detail.</summary>
    private static async Task<JsonElement> RefusalAsync(McpClient agent, string tool, string arguments)
    {
        var result = await ResultAsync(agent, tool, arguments);
        Assert.True(result.IsError);
        var problem = result.StructuredContent!.Value;
        Assert.Contains(
            problem.GetProperty("detail").GetString()!,
            JsonElement.Parse(result.Content.OfType<TextContentBlock>().Single().Text).GetProperty("detail").GetString(),
            StringComparison.Ordinal);
        Assert.Matches("^[0-9a-f]{32}$", problem.GetProperty("trace_id").GetString());
        return problem;
    }

    private static async Task<CallToolResult> ResultAsync(McpClient agent, string tool, string arguments) =>
        await agent.CallToolAsync(
            tool,
            JsonElement.Parse(arguments).EnumerateObject().ToDictionary(field => field.Name, field => (object?)field.Value),
            cancellationToken: TestContext.Current.CancellationToken);

    private static async Task<JsonElement> WhenEndedAsync(McpClient agent, string id)
    {
        JsonElement job = default;
        await Eventually.TrueAsync(async () =>
        {
            job = await CallAsync(agent, "get_song", Id(id));
            return job.GetProperty("state").GetString() is not ("queued" or "running");
        });
        return job;
    }

    private static string Id(string id) => $$"""{"id":"{{id}}"}""";

    private static string Error(JsonElement problem, string field) =>
        problem.GetProperty("errors").GetProperty(field)[0].GetString()!;

    private static Task<HttpResponseMessage> SendAsync(HttpClient http, string message, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/mcp")
        {
            Content = new StringContent(message, Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("Accept", "application/json, text/event-stream");
        foreach (var (name, value) in headers)
        {
            request.Headers.Add(name, value);
        }

        return http.SendAsync(request, TestContext.Current.CancellationToken);
    }
}
