using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Xunit;
using Yue.Engine.Scheduling;
using Yue.Testing;
using YueService.CommandLine;
using YueService.Hosting;
using YueService.Tests.Fakes;

namespace YueService.Tests.CommandLine;

public sealed class ServeTests : IDisposable
{
    private readonly Command _command = new();
    private readonly TemporaryFolder _state = new();

    public void Dispose() => _state.Dispose();

    [Theory]
    [InlineData]
    [InlineData("serve")]
    public async Task The_service_runs_until_it_is_stopped(params string[] command)
    {
        var url = $"http://127.0.0.1:{FreePort()}";
        using var stop = new CancellationTokenSource();
        var service = _command.RunUntilAsync(
            stop.Token, [.. command, "--urls", url, "--queue-capacity", "5", "--Serilog:MinimumLevel:Default=Error",
            $"--Yue:StateFolder={_state.Path}"]);
        using var client = new HttpClient { BaseAddress = new Uri(url) };
        var health = await GetWhenListeningAsync(client, service);
        Assert.Equal(5, health.GetProperty("queue").GetProperty("capacity").GetInt32());
        await stop.CancelAsync();
        Assert.Equal(ExitCode.Success, await service);
    }

    [Fact]
    public async Task All_invalid_settings_are_reported_and_nothing_starts()
    {
        var exitCode = await _command.RunAsync(
            "serve", "--stage1", "a b=/no/such/stage1", "--stage1", "a+x=/", "--lora", "y=/no/such/lora",
            "--codec", "/no/such/codec", "--tokenizer", "/no/such/tokenizer",
            "--device", "tpu", "--cache-folder", " ", "--queue-capacity", "many", "--Yue:MaxBodyBytes=1", "--Yue:LogFormat=xml",
            "--Yue:LogLyrics=maybe", "--Yue:Devise=cpu");
        Assert.Equal(ExitCode.Usage, exitCode);
        var error = _command.Error.ToString();
        Assert.All(
            [
                "Yue:Stage1 has a model named 'a b'",
                "Yue:Stage1:a b is '/no/such/stage1', but there is no such folder",
                "Yue:Stage1 has a model named 'a+x', but Yue:Lora:x is not set",
                "Yue:Lora:y is set, but no model uses it",
                "Yue:Lora:y is '/no/such/lora', but there is no such folder",
                "Yue:Stage2 is missing",
                "Yue:Codec is '/no/such/codec', but there is no such folder",
                "Yue:Tokenizer is '/no/such/tokenizer', but there is no such file",
                "Yue:CacheFolder is ' '",
                "Yue:Device is 'tpu'",
                "Yue:QueueCapacity is 'many', which is not a whole number",
                "Yue:MaxBodyBytes is 1; it must be 1024 to 1073741824",
                "Yue:LogFormat is 'xml'",
                "Yue:LogLyrics is 'maybe', which is not true or false",
                "Yue:Devise is not a setting; the closest is Yue:Device",
            ],
            fault => Assert.Contains(fault, error, StringComparison.Ordinal));
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        Assert.DoesNotContain("started", _command.Engine.LifecycleCalls);
    }

    [Theory]
    [InlineData("http://192.0.2.1:2008", "yue cannot listen: http://192.0.2.1:2008: ")]
    public async Task An_unavailable_address_is_reported_and_nothing_is_loaded(string url, string expected)
    {
        var exitCode = await _command.RunAsync("serve", "--urls", url, $"--Yue:StateFolder={_state.Path}");
        Assert.Equal(ExitCode.Failure, exitCode);
        Assert.StartsWith(expected, _command.Error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("started", _command.Engine.LifecycleCalls);
    }

    [Theory]
    [InlineData("port 2008")]
    [InlineData("http://127.0.0.1:80a")]
    [InlineData("http://127.0.0.1:65536")]
    [InlineData("ftp://127.0.0.1:2008")]
    [InlineData("http://every-address.test:2008")]
    [InlineData("http://127.0.0.1:2008;http://127.0.0.1.1:2009")]
    public async Task An_address_that_the_server_would_misread_is_refused(string urls)
    {
        Assert.Equal(ExitCode.Usage, await _command.RunAsync("serve", "--urls", urls, $"--Yue:StateFolder={_state.Path}"));
        Assert.Contains($"urls has '{urls.Split(';')[^1]}'", _command.Error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("started", _command.Engine.LifecycleCalls);
    }

    [Theory]
    [InlineData("--nosuch")]
    [InlineData("sevre")]
    [InlineData("--stage1", "nofolder")]
    [InlineData("generate")]
    [InlineData("generate", "--lyrics", "x", "--out", "y", "--seeed", "1")]
    public async Task An_invalid_command_line_starts_nothing(params string[] args)
    {
        Assert.Equal(ExitCode.Usage, await _command.RunAsync(args));
        Assert.Contains("See yue --help.", _command.Error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("started", _command.Engine.LifecycleCalls);
    }

    [Theory]
    [InlineData("'--nosuch' is not known.", "--nosuch", "x")]
    [InlineData("'sevre' is not known; the closest command is serve.", "sevre")]
    [InlineData("'pul' is not known; the closest command is pull.", "models", "pul", "en-cot")]
    [InlineData("'--mirorr' is not known; the closest option is --mirror.", "models", "pull", "en-cot", "--mirorr=http://x")]
    [InlineData("'--gerne' is not known; the closest option is --genre.", "generate", "--lyrics", "x", "--out", "y.wav", "--gerne", "folk")]
    [InlineData("'--ou' is not known; the closest option is --out.", "demo", "--ou", "song.wav")]
    [InlineData("'--depe' is not known; the closest option is --deep.", "doctor", "--depe")]
    [InlineData("'--Yue:Device' has no value; write --Yue:Device=VALUE.", "serve", "--Yue:Device", "cpu")]
    [InlineData("'maybe' is not known here.", "generate", "--lyrics", "x", "--out", "y.wav", "--stems=maybe")]
    public async Task An_unknown_argument_is_reported_with_the_closest_known_one(string expected, params string[] args)
    {
        Assert.Equal(ExitCode.Usage, await _command.RunAsync(args));
        var lines = _command.Error.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.StartsWith(expected, lines[0], StringComparison.Ordinal);
        Assert.Equal("See yue --help.", lines[^1]);
        Assert.DoesNotContain("System.", _command.Error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("started", _command.Engine.LifecycleCalls);
    }

    [Fact]
    public async Task A_settings_file_that_is_not_JSON_is_reported_in_one_line()
    {
        File.WriteAllText(_state["appsettings.json"], "{ \"Yue\": }");
        Assert.Equal(ExitCode.Usage, await _command.RunAsync("serve", $"--contentRoot={_state.Path}"));
        var line = Assert.Single(_command.Error.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("yue cannot start: ", line, StringComparison.Ordinal);
        Assert.Contains(_state["appsettings.json"], line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new[] { "--help" }, "generate")]
    [InlineData(new[] { "generate", "--help" }, "--run-n-segments <N>")]
    [InlineData(new[] { "serve", "--help" }, "--stage1 <NAME=FOLDER>")]
    public async Task Help_lists_commands_and_options(string[] args, string expected)
    {
        Assert.Equal(ExitCode.Success, await _command.RunAsync(args));
        Assert.Contains(expected, _command.Output.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, "http://127.0.0.1:2008")]
    [InlineData("http://0.0.0.0:80", "http://0.0.0.0:80")]
    [InlineData("http://*:2009;http://[::1]:0;http://localhost:2010", "http://*:2009;http://[::1]:0;http://localhost:2010")]
    [InlineData("http://unix:/run/yue.sock", "http://unix:/run/yue.sock")]
    public async Task Configured_addresses_are_kept_and_the_default_is_local_port_2008(string? urls, string expected)
    {
        KeyValuePair<string, string?>[] values = urls is null ? [] : [new("urls", urls)];
        await using var app = YueHost.BuildService(
            new HostSettings(values, []), services => services.AddSongEngine<FakeSongEngine, FakeSongEncoder>());
        Assert.Equal(expected, app.Configuration["urls"]);
    }

    [Fact]
    public async Task The_host_starts_stops_and_disposes_of_the_engine_once()
    {
        using var host = YueHost.BuildEngine(
            new HostSettings([], []), services => services.AddSongEngine<FakeSongEngine, FakeSongEncoder>());
        var engine = (FakeSongEngine)host.Services.GetRequiredService<ISongEngine>();
        await host.StartAsync(TestContext.Current.CancellationToken);
        Assert.Equal(["started"], engine.LifecycleCalls);
        await host.StopAsync(TestContext.Current.CancellationToken);
        host.Dispose();
        Assert.Equal(["started", "drained", "disposed"], engine.LifecycleCalls);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static async Task<System.Text.Json.JsonElement> GetWhenListeningAsync(HttpClient client, Task service)
    {
        System.Text.Json.JsonElement health = default;
        await Eventually.TrueAsync(async () =>
        {
            Assert.False(service.IsCompleted, "the service ended before it was listening");
            try
            {
                using var response = await client.GetAsync("/health", TestContext.Current.CancellationToken);
                health = await response.JsonAsync();
                return true;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        });
        return health;
    }
}
