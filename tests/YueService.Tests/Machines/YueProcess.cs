using System.Diagnostics;
using System.Globalization;
using System.Net;
using Xunit;
using Yue.Testing;
using YueService.Tests.EndToEnd;

namespace YueService.Tests.Machines;

/// <summary>A process that runs the program with a simulated engine (<c>YueService.FakeProcess</c>).</summary>
internal sealed class YueProcess : IDisposable
{
    private readonly Process _process;
    private readonly List<string> _printed = [];

    private YueProcess(Process process, string url)
    {
        _process = process;
        Client = new HttpClient { BaseAddress = new Uri(url), Timeout = Eventually.Timeout };
        process.OutputDataReceived += (_, line) => Note(line.Data);
        process.ErrorDataReceived += (_, line) => Note(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public HttpClient Client { get; }

    /// <summary>The output so far.</summary>
    public string Printed
    {
        get
        {
            lock (_printed)
            {
                return string.Join('\n', _printed);
            }
        }
    }

    private static string ProgramPath { get; } = DemoProcess.ProgramPath
        .Replace(Path.Combine("src", "YueService", "bin"), Path.Combine("tests", "YueService.FakeProcess", "bin"), StringComparison.Ordinal)
        .Replace("yue.dll", "YueService.FakeProcess.dll", StringComparison.Ordinal);

    /// <summary>Starts a process.</summary>
    /// <param name="arguments">The command and its options.</param>
    /// <param name="environment">Additional environment variables.</param>
    /// <param name="program">The path of the program; null for the program of this release.</param>
    public static YueProcess Start(
        IEnumerable<string> arguments, IEnumerable<(string Name, string Value)> environment, string? program = null)
    {
        var url = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{RealServer.FreePort()}");
        string[] line = [program ?? ProgramPath, .. arguments, "--urls", url];
        var start = new ProcessStartInfo("dotnet", line) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return new(Process.Start(start)!, url);
    }

    /// <summary>Waits until the process is ready.</summary>
    public async Task<YueProcess> ReadyAsync()
    {
        await Eventually.TrueAsync(async () =>
        {
            Assert.False(_process.HasExited, $"the program ended:\n{Printed}");
            try
            {
                using var response = await Client.GetAsync("/health/ready", TestContext.Current.CancellationToken);
                return response.StatusCode == HttpStatusCode.OK;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        });
        return this;
    }

    /// <summary>Kills the process, as <c>kill -9</c> does.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    /// <summary>Sends a signal, such as <c>STOP</c>.</summary>
    public void Signal(string name)
    {
        using var kill = Process.Start("kill", [$"-{name}", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    /// <summary>Terminates the process and waits for it to exit.</summary>
    public async Task TerminateAsync()
    {
        Signal("TERM");
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken).InTime();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            Signal("CONT");
            Kill();
        }

        _process.Dispose();
        Client.Dispose();
    }

    private void Note(string? line)
    {
        if (line is not null)
        {
            lock (_printed)
            {
                _printed.Add(line);
            }
        }
    }
}
