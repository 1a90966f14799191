using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Xunit;
using Yue.Testing;

namespace YueService.Tests.EndToEnd;

/// <summary>The real program in a separate process, with the built-in demo model.</summary>
public sealed class DemoProcess : IAsyncLifetime
{
    /// <summary>The output folder of these tests: …/bin/Release/net10.0.</summary>
    private static readonly DirectoryInfo Build = new(AppContext.BaseDirectory);

    private readonly Process _process = new();
    private readonly TemporaryFolder _state = new();

    /// <summary>The repository's root.</summary>
    public static string Repository { get; } = FindRepository();

    /// <summary>The program, built with the configuration of these tests.</summary>
    public static string ProgramPath { get; } = Path.Combine(
        Repository, "src", "YueService", "bin", Build.Parent!.Name, Build.Name, "yue.dll");

    public HttpClient Client { get; } = new();

    public async ValueTask InitializeAsync()
    {
        var url = $"http://127.0.0.1:{FreePort()}";
        _process.StartInfo = new ProcessStartInfo("dotnet", ProgramPath) { RedirectStandardOutput = true, RedirectStandardError = true };
        _process.StartInfo.Environment["ASPNETCORE_URLS"] = url;
        _process.StartInfo.Environment["Yue__StateFolder"] = _state.Path;
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        Client.BaseAddress = new Uri(url);
        await Eventually.TrueAsync(async () =>
        {
            Assert.False(_process.HasExited, $"the program exited with code {(_process.HasExited ? _process.ExitCode : 0)}");
            return await IsReadyAsync();
        });
    }

    /// <summary>Runs the program to completion as a user with an empty home folder, and returns its exit code and output.</summary>
    public static async Task<(int ExitCode, string Printed)> RunAsync(params string[] arguments)
    {
        var (exitCode, output, error) = await RunWithAsync([], arguments);
        return (exitCode, Encoding.UTF8.GetString(output) + error);
    }

    /// <summary>Starts the program with environment variables. The caller must read its output streams.</summary>
    public static Process Start((string Name, string Value)[] variables, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [ProgramPath, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in variables)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }

    /// <summary>Runs the program to completion with environment variables, and returns its exit code and both output streams.</summary>
    public static async Task<(int ExitCode, byte[] Output, string Error)> RunWithAsync(
        (string Name, string Value)[] variables, params string[] arguments)
    {
        using var state = new TemporaryFolder();
        using var home = new TemporaryFolder();
        using var process = Start([("Yue__StateFolder", state.Path), ("HOME", home.Path), .. variables], arguments);
        using var timeout = new CancellationTokenSource(Eventually.Timeout);
        using var output = new MemoryStream();
        try
        {
            var error = process.StandardError.ReadToEndAsync(timeout.Token);
            await process.StandardOutput.BaseStream.CopyToAsync(output, timeout.Token);
            await process.WaitForExitAsync(timeout.Token);
            return (process.ExitCode, output.ToArray(), await error);
        }
        finally
        {
            process.Kill();
        }
    }

    /// <summary>The CPU time that the program has used since it started.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Returns the number of voluntary context switches of each of the program's threads, by the thread's path in /proc.</summary>
    public IReadOnlyDictionary<string, long> SleepsByThread()
    {
        const string Field = "voluntary_ctxt_switches:";
        var sleeps = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var thread in Directory.GetDirectories($"/proc/{_process.Id}/task"))
        {
            try
            {
                var line = File.ReadLines(Path.Combine(thread, "status")).First(line => line.StartsWith(Field, StringComparison.Ordinal));
                sleeps.Add(thread, long.Parse(line[Field.Length..], CultureInfo.InvariantCulture));
            }
            catch (IOException)
            {
                // The thread has ended.
            }
        }

        return sleeps;
    }

    /// <summary>Terminates the program as systemd does, and returns its exit code.</summary>
    public async Task<int> TerminateAsync()
    {
        using var kill = Process.Start("kill", ["-TERM", $"{_process.Id}"]);
        await _process.WaitForExitAsync().InTime();
        return _process.ExitCode;
    }

    public ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _state.Dispose();

        _process.Dispose();
        Client.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<bool> IsReadyAsync()
    {
        try
        {
            using var response = await Client.GetAsync(new Uri("/health/ready", UriKind.Relative));
            return response.StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private static string FindRepository()
    {
        var folder = Build;
        while (!File.Exists(Path.Combine(folder.FullName, "YueService.sln")))
        {
            folder = folder.Parent ?? throw new DirectoryNotFoundException($"no YueService.sln above {Build}");
        }

        return folder.FullName;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
