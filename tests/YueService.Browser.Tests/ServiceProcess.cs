using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace YueService.Browser.Tests;

/// <summary>The program in a separate process with its own state folder, using the demo model or a simulated engine.</summary>
internal sealed partial class ServiceProcess : IAsyncDisposable
{
    /// <summary>The seed of a song that a simulated engine pauses halfway until it is cancelled.</summary>
    public const int HoldingSeed = 1986;

    private readonly DirectoryInfo _state = Directory.CreateTempSubdirectory("yue-studio-");
    private readonly string _program;
    private readonly string[] _arguments;
    private readonly (string Name, string Value)[] _environment;
    private Process? _process;

    private ServiceProcess(string program, string[] arguments, (string Name, string Value)[] environment) =>
        (_program, _arguments, _environment) = (program, arguments, environment);

    /// <summary>The address of the service, which a restart does not change.</summary>
    public Uri Address { get; private set; } = new("http://127.0.0.1:0");

    /// <summary>A client of the service.</summary>
    public HttpClient Client { get; } = new() { Timeout = Eventually.Timeout };

    /// <summary>Starts a service with the demo model and waits until it is ready.</summary>
    /// <param name="arguments">Settings on the command line.</param>
    public static Task<ServiceProcess> StartAsync(params string[] arguments) =>
        StartAsync(new ServiceProcess(ProgramOf("src", "YueService", "yue.dll"), arguments, []));

    /// <summary>Starts a published service with the demo model and waits until it is ready.</summary>
    /// <param name="folder">The folder of the program.</param>
    public static Task<ServiceProcess> StartPublishedAsync(string folder) =>
        StartAsync(new ServiceProcess(Path.Combine(folder, "yue.dll"), [], []));

    /// <summary>Starts a service with a simulated engine and waits until it is ready.</summary>
    /// <param name="environment">The environment variables that configure the engine.</param>
    public static Task<ServiceProcess> StartSimulatedAsync(params (string Name, string Value)[] environment) =>
        StartAsync(new ServiceProcess(
            ProgramOf("tests", "YueService.FakeProcess", "YueService.FakeProcess.dll"),
            [],
            [("FAKE_HOLDING_SEED", $"{HoldingSeed}"), .. environment]));

    private static async Task<ServiceProcess> StartAsync(ServiceProcess service)
    {
        await service.StartAsync();
        service.Client.BaseAddress = service.Address;
        return service;
    }

    private static string ProgramOf(string folder, string project, string file) =>
        Path.Combine(Repository.Root, folder, project, "bin", Repository.Configuration, "net10.0", file);

    /// <summary>Starts the program, or restarts it after <see cref="KillAsync"/>.</summary>
    public async Task StartAsync()
    {
        var url = Address.GetLeftPart(UriPartial.Authority);
        var start = new ProcessStartInfo(
            "dotnet", [_program, "serve", "--urls", url, $"--Yue:StateFolder={_state.FullName}", .. _arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in _environment)
        {
            start.Environment[name] = value;
        }

        _process = Process.Start(start)!;
        var listening = new TaskCompletionSource<Uri>(TaskCreationOptions.RunContinuationsAsynchronously);
        var log = new List<string>();
        _process.OutputDataReceived += (_, line) =>
        {
            lock (log)
            {
                log.Add(line.Data ?? "");
            }

            if (StudioLine().Match(line.Data ?? "") is { Success: true } match)
            {
                listening.TrySetResult(new Uri(match.Groups[1].Value));
            }
            else if (line.Data is null)
            {
                listening.TrySetException(new InvalidOperationException($"The service ended:\n{string.Join('\n', log)}"));
            }
        };
        _process.ErrorDataReceived += (_, _) => { };
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        Address = await listening.Task.WaitAsync(Eventually.Timeout);
        using var client = new HttpClient { BaseAddress = Address };
        await Eventually.TrueAsync(async () =>
        {
            using var response = await client.GetAsync(new Uri("/health/ready", UriKind.Relative));
            return response.IsSuccessStatusCode;
        });
    }

    /// <summary>Kills the program to simulate a crash.</summary>
    public async Task KillAsync()
    {
        using var process = _process!;
        _process = null;
        process.Kill();
        await process.WaitForExitAsync();
    }

    /// <summary>Submits a song and waits until it has succeeded.</summary>
    /// <param name="request">The request.</param>
    /// <returns>The job.</returns>
    public async Task<JsonElement> SingAsync(object request)
    {
        var id = await QueueAsync(request);

        // The event stream ends when the job ends.
        await Client.GetStringAsync(new Uri($"/v1/songs/{id}/events", UriKind.Relative), TestContext.Current.CancellationToken);
        var job = await JobAsync(id);
        Assert.Equal("succeeded", job.GetProperty("state").GetString());
        return job;
    }

    /// <summary>Queues a song and returns the job's id.</summary>
    /// <param name="request">The request.</param>
    public async Task<string> QueueAsync(object request)
    {
        using var response = await Client.PostAsJsonAsync("/v1/songs", request, TestContext.Current.CancellationToken);
        response.EnsureSuccessStatusCode();
        var job = await response.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
        return job.GetProperty("id").GetString()!;
    }

    /// <summary>Returns the current state of a job.</summary>
    /// <param name="id">The job's id.</param>
    public Task<JsonElement> JobAsync(string id) => JsonAsync($"/v1/songs/{id}");

    /// <summary>Returns the JSON at a path.</summary>
    /// <param name="path">The path.</param>
    public Task<JsonElement> JsonAsync(string path) =>
        Client.GetFromJsonAsync<JsonElement>(path, TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        // After a kill, there is no process unless the test has started another one.
        if (_process is not null)
        {
            await KillAsync();
        }

        Client.Dispose();
        _state.Delete(recursive: true);
    }

    [GeneratedRegex("The studio, a web page for making songs, is at (http\\S+)")]
    private static partial Regex StudioLine();
}
