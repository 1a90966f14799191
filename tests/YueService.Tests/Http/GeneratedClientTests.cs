using System.Diagnostics;
using System.Text.Json;
using Xunit;
using YueService.GeneratedClient;
using YueService.Tests.Docs;
using YueService.Tests.EndToEnd;
using YueService.Tests.Fakes;
using JsonNode = System.Text.Json.Nodes.JsonNode;

namespace YueService.Tests.Http;

/// <summary>Tests that clients generated from the OpenAPI document, and the MCP client of npm, compile and work.</summary>
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
    public async Task Committed_openapi_json_is_the_served_document()
    {
        var served = JsonNode.Parse(await _client.GetStringAsync("/openapi/v1.json", TestContext.Current.CancellationToken))!.AsObject();
        served.Remove("servers");
        var file = Path.Combine(Root, "docs", "openapi.json");
        if (CommittedDocs.AreUpdated)
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

    [Fact]
    public async Task The_NSwag_client_makes_a_song_and_reads_a_422()
    {
        var cancel = TestContext.Current.CancellationToken;
        var yue = new YueClient(_client.BaseAddress!.ToString(), _client);
        var job = await FinishedAsync(yue, await CreateAsync(yue, new() { Lyrics = "[verse]\nla la", Seed = 7 }));

        Assert.Equal((JobState.Succeeded, 7L), (job.State, job.Song!.Seed));
        using var audio = await yue.GetSongAudioAsync(job.Id, null, null, cancel);
        using var sound = new MemoryStream();
        await audio.Stream.CopyToAsync(sound, cancel);
        Assert.Equal("RIFF"u8, sound.ToArray().AsSpan(0, 4));

        var refused = await Assert.ThrowsAsync<ApiException<Problem>>(
            () => CreateAsync(yue, new() { Lyrics = "[verse]\nla", Max_new_tokens = 1 }));
        Assert.Equal(["max_new_tokens"], refused.Result.Errors!.Keys);
    }

    /// <remarks>The client sends the defaults of the schema in every request.</remarks>
    [Fact]
    public async Task The_NSwag_client_asks_for_a_draft_and_for_long_sections()
    {
        var cancel = TestContext.Current.CancellationToken;
        var yue = new YueClient(_client.BaseAddress!.ToString(), _client);
        var draft = await FinishedAsync(
            yue,
            await CreateAsync(yue, new() { Lyrics = "[verse]\nla", Stage = SongRequestStage.Draft, Output = new(), Sampling = new() }));
        await CreateAsync(yue, new() { Lyrics = "[verse]\nla", Target_seconds = 80.5 });
        await CreateAsync(yue, new() { Continue_from = draft.Id, Stage = SongRequestStage.Finish });
        await yue.CreateSpeechAsync(new() { Input = "[verse]\nla" }, cancel);
        Assert.Equal(["Draft", "Full", "Finish", "Full"], _app.Engine.Requests.Select(request => request.Scope.ToString()));
    }

    [Fact]
    public async Task The_TypeScript_clients_make_songs_and_read_errors()
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
    }

    private static Task<SongJobResponse> CreateAsync(YueClient yue, SongRequest body) =>
        yue.CreateSongAsync(null, body, null!, null!, null!, null, TestContext.Current.CancellationToken);

    private static async Task<SongJobResponse> FinishedAsync(YueClient yue, SongJobResponse job)
    {
        while (job.State is JobState.Queued or JobState.Running)
        {
            job = await yue.GetSongAsync(job.Id, TestContext.Current.CancellationToken);
        }

        return job;
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
            using var process = Process.Start(
                new ProcessStartInfo(program, arguments)
                {
                    WorkingDirectory = folder,
                    RedirectStandardOutput = true,
                    RedirectStandardError = true,
                })!;
            var cancel = TestContext.Current.CancellationToken;
            var printed = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(cancel), process.StandardError.ReadToEndAsync(cancel));
            await process.WaitForExitAsync(cancel);
            return (process.ExitCode, string.Concat(printed));
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return (-1, e.Message);
        }
    }
}
