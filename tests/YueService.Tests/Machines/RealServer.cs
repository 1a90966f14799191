using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Xunit;

namespace YueService.Tests.Machines;

/// <summary>Helpers for tests with real servers.</summary>
internal static class RealServer
{
    /// <summary>If a server is not installed, skips the test or, in CI, fails it.</summary>
    public static void Require(bool isInstalled, string reason)
    {
        if (!isInstalled)
        {
            Assert.False(Environment.GetEnvironmentVariable("CI") == "true", reason);
            Assert.Skip(reason);
        }
    }

    /// <summary>Returns the environment variables that shift a process's clock by a time such as <c>+1h</c>. Without libfaketime,
    /// returns none or, in CI, fails the test.</summary>
    public static (string Name, string Value)[] ClockOffBy(string time)
    {
        var library = Directory.GetDirectories("/usr/lib").Select(folder => Path.Combine(folder, "faketime", "libfaketimeMT.so.1"))
            .FirstOrDefault(File.Exists);
        Assert.False(
            library is null && Environment.GetEnvironmentVariable("CI") == "true",
            "libfaketime is not installed: apt-get install libfaketime");
        return library is null ? [] : [("LD_PRELOAD", library), ("FAKETIME", time), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];
    }

    /// <summary>Returns a free port.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Runs a program to completion.</summary>
    public static async Task RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        var printed = new StringBuilder();
        process.OutputDataReceived += (_, line) => Add(line.Data);
        process.ErrorDataReceived += (_, line) => Add(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        using var timeout = new CancellationTokenSource(Eventually.Timeout);
        await process.WaitForExitAsync(timeout.Token);
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} exited with code {process.ExitCode}: {printed}");
        }

        void Add(string? line)
        {
            lock (printed)
            {
                printed.AppendLine(line);
            }
        }
    }
}
