using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Xunit;
using Yue.Testing;
using YueService.Tests.Docs;
using YueService.Tests.EndToEnd;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

/// <summary>Tests that these clients compile and work: those generated from the OpenAPI document, the MCP client from npm, and OpenAI's
/// clients as the documentation shows them.</summary>
public sealed class GeneratedClientTests : IDisposable
{
    private static readonly string Root = DemoProcess.Repository;
    private readonly YueApp _app = YueApp.OnSocket();
    private readonly HttpClient _client;

    public GeneratedClientTests() => _client = _app.CreateClient();

    public void Dispose()
    {
        _client.Dispose();
        _app.Dispose();
    }

    [Fact]
    public async Task Committed_openapi_json_equals_the_served_document()
    {
        var served = JsonNode.Parse(await _client.GetStringAsync("/openapi/v1.json", TestContext.Current.CancellationToken))!.AsObject();
        served.Remove("servers");
        var file = Path.Combine(Root, "docs", "openapi.json");

        // The served version is the version of the build, which differs between commits, so the committed copy keeps its own.
        served["info"]!["version"] = JsonNode.Parse(
            await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken))!["info"]!["version"]!.GetValue<string>();
        if (CommittedDocs.ShouldUpdate)
        {
            var options = new JsonSerializerOptions
            {
                WriteIndented = true,
                Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            };
            await File.WriteAllTextAsync(file, served.ToJsonString(options) + "\n", TestContext.Current.CancellationToken);
        }

        var committed = JsonNode.Parse(await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken))!;
        Assert.True(JsonNode.DeepEquals(committed, served), $"docs/openapi.json differs from the served document; {CommittedDocs.Fix}");
    }

    /// <summary>Some generated clients send all defaults of the schema. A reference is left out because it also needs a clip.</summary>
    [Fact]
    public async Task A_request_with_all_defaults_of_the_document_is_accepted()
    {
        var document = JsonNode.Parse(await _client.GetStringAsync("/openapi/v1.json", TestContext.Current.CancellationToken))!;
        var schema = document["components"]!["requestBodies"]!["SongRequest"]!["content"]!["application/json"]!["schema"]!;
        var body = Defaults(schema);
        Assert.NotEmpty(body);
        Assert.NotEmpty(body["output"]!.AsObject());
        body["lyrics"] = "[verse]\nla";
        using var response = await _client.PostAsJsonAsync("/v1/songs", body, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
    }

    [Fact]
    public async Task The_npm_clients_make_songs_and_read_errors()
    {
        Assert.SkipUnless(await RunAsync("node", ".", "--version") is { ExitCode: 0 }, "Node.js is not installed");
        using var folder = new TemporaryFolder();
        foreach (var name in new[] { "package.json", "package-lock.json", ".npmrc", "client.ts", "agent.ts" })
        {
            File.Copy(Path.Combine(Root, "tests", "typescript-client", name), Path.Combine(folder.Path, name));
        }

        var install = await RunAsync("npm", folder.Path, "ci", "--no-audit", "--no-fund");
        Assert.SkipUnless(install.ExitCode == 0, $"the packages could not be installed: {install.Printed}");
        await File.WriteAllTextAsync(
            Path.Combine(folder.Path, "v1.json"),
            await _client.GetStringAsync("/openapi/v1.json", TestContext.Current.CancellationToken),
            TestContext.Current.CancellationToken);
        await MustRunAsync(folder.Path, "npx", "openapi-typescript", "v1.json", "-o", "api.d.ts");
        await MustRunAsync(
            folder.Path, "npx", "tsc", "client.ts", "agent.ts", "--strict", "--skipLibCheck",
            "--module", "nodenext", "--target", "es2022", "--types", "node");
        foreach (var program in new[] { "client.js", "agent.js" })
        {
            var printed = await MustRunAsync(folder.Path, "node", program, _client.BaseAddress!.ToString().TrimEnd('/'));
            var result = JsonNode.Parse(printed)!;
            Assert.Equal("succeeded", result["state"]!.GetValue<string>());
            Assert.True(result["bytes"]!.GetValue<int>() > 44);
            Assert.Equal("max_new_tokens", Assert.Single(result["errors"]!.AsArray())!.GetValue<string>());
        }

        // OpenAI's client, as the documentation shows it.
        await File.WriteAllTextAsync(
            Path.Combine(folder.Path, "song.mjs"), ForService(CallFromCode("js")), TestContext.Current.CancellationToken);
        await MustRunAsync(folder.Path, "node", "song.mjs");
        await AssertWavAsync(Path.Combine(folder.Path, "song.wav"));
    }

    [Fact]
    public async Task The_documented_Python_code_makes_a_song()
    {
        Assert.SkipUnless(
            await RunAsync("python3", ".", "-c", "import openai") is { ExitCode: 0 }, "the Python package openai is not installed");
        using var folder = new TemporaryFolder();
        await MustRunAsync(folder.Path, "python3", "-c", ForService(CallFromCode("python")));
        await AssertWavAsync(Path.Combine(folder.Path, "song.wav"));
    }

    [Fact]
    public async Task The_documented_CSharp_code_makes_a_song()
    {
        await AssertCompiledAsync([CallFromCode("csharp")]);
        using var folder = new TemporaryFolder();
        await DocumentedClient.MakeSongAsync(_client.BaseAddress!, folder["song.wav"]);
        await AssertWavAsync(folder["song.wav"]);
    }

    [Fact]
    public async Task The_CSharp_code_in_the_client_README_makes_a_song_and_reads_an_error()
    {
        var blocks = Page("src", "YueService.Client", "README.md").Blocks.Where(block => block.Language == "csharp").ToList();
        Assert.Equal(2, blocks.Count);
        await AssertCompiledAsync(blocks.Select(block => block.Text));
        using var folder = new TemporaryFolder();
        var printed = new List<string>();
        await DocumentedClient.MakeSongAsync(_client.BaseAddress!, folder["song.wav"], printed.Add);
        await AssertWavAsync(folder["song.wav"]);
        Assert.StartsWith("max_new_tokens is 1;", Assert.Single(printed), StringComparison.Ordinal);
    }

    /// <summary>Checks that <see cref="DocumentedClient"/> contains every line of C# code in the documentation.</summary>
    private static async Task AssertCompiledAsync(IEnumerable<string> blocks)
    {
        var source = await File.ReadAllTextAsync(
            Path.Combine(Root, "tests", "YueService.Tests", "Docs", $"{nameof(DocumentedClient)}.cs"),
            TestContext.Current.CancellationToken);
        var lines = blocks.SelectMany(block => DocumentedClient.Differences.Aggregate(
            block, (text, difference) => text.Replace(difference.Documented, difference.Here, StringComparison.Ordinal)).Split('\n'));
        Assert.All(lines, line => Assert.Contains(line, source, StringComparison.Ordinal));
    }

    /// <summary>Returns the code in docs/how-to/call-from-code.md that is in the given language.</summary>
    private static string CallFromCode(string language)
    {
        var code = Assert.Single(Page("docs", "how-to", "call-from-code.md").Blocks, block => block.Language == language).Text;
        Assert.Contains("localhost:2008", code, StringComparison.Ordinal);
        return code;
    }

    private static MarkdownDocument Page(params ReadOnlySpan<string> path) => new(File.ReadLines(Path.Combine([Root, .. path])));

    private string ForService(string code) => code.Replace("localhost:2008", _client.BaseAddress!.Authority, StringComparison.Ordinal);

    private static async Task AssertWavAsync(string file)
    {
        var bytes = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
        Assert.Equal("RIFF"u8, bytes.AsSpan(0, 4));
    }

    private static JsonObject Defaults(JsonNode schema)
    {
        var defaults = new JsonObject();
        foreach (var (name, property) in schema["properties"]!.AsObject())
        {
            if (property!["default"] is { } value)
            {
                defaults[name] = value.DeepClone();
            }
            else if (name != "reference" && property["oneOf"] is JsonArray shapes
                && shapes.FirstOrDefault(shape => shape!["properties"] is not null) is { } part)
            {
                defaults[name] = Defaults(part);
            }
        }

        return defaults;
    }

    private static async Task<string> MustRunAsync(string folder, string program, params string[] arguments)
    {
        var (exitCode, printed) = await RunAsync(program, folder, arguments);
        Assert.True(exitCode == 0, $"{program} {string.Join(' ', arguments)}: {printed}");
        return printed;
    }

    private static async Task<(int ExitCode, string Printed)> RunAsync(string program, string folder, params string[] arguments)
    {
        try
        {
            var run = await ProgramRun.RunAsync(folder, program, arguments);
            return (run.ExitCode, run.Output + run.Error);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return (-1, e.Message);
        }
    }
}
