using System.Diagnostics;
using System.Globalization;
using YueService.Doctor;

namespace YueService.CommandLine;

/// <summary><c>yue worker --devices</c>: one child process per device, each on its own port.</summary>
/// <remarks>A child that exits is restarted, unless its settings are invalid. The children end with this process, even if it is killed:
/// each child ends when its standard input is closed, and only this process holds the other end.</remarks>
internal sealed class WorkerFleet(IReadOnlyList<string> devices, Uri firstUrl, IReadOnlyList<string> arguments, TextWriter output)
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);

    // A child that ran for this long did not fail at startup.
    private static readonly TimeSpan Settled = TimeSpan.FromMinutes(1);

    /// <summary>Returns the devices that an option names: <c>all</c> means every GPU of the machine.</summary>
    public static async Task<IReadOnlyList<string>> DevicesOfAsync(string option, CancellationToken cancel) =>
        option == "all"
            ? [.. Enumerable.Range(0, (await MachineFacts.GpusAsync(cancel)).Count).Select(i => $"cuda:{i}")]
            : option.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>Runs the children until cancellation, or until one of them exits because its settings are invalid.</summary>
    /// <returns>The exit code: that of a child whose settings are invalid, otherwise success.</returns>
    public async Task<int> RunAsync(CancellationToken stop)
    {
        using var all = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var codes = await Task.WhenAll(devices.Select((device, i) => KeepAsync(device, i, all)));
        return codes.FirstOrDefault(code => code == ExitCode.Usage);
    }

    private async Task<int> KeepAsync(string device, int number, CancellationTokenSource all)
    {
        var wait = FirstWait;
        while (!all.IsCancellationRequested)
        {
            var since = Stopwatch.GetTimestamp();
            var code = await RunAsync(device, number, all.Token);
            if (code == ExitCode.Usage)
            {
                await all.CancelAsync();
                return code;
            }

            if (all.IsCancellationRequested)
            {
                break;
            }

            wait = Stopwatch.GetElapsedTime(since) > Settled ? FirstWait : wait;
            await output.WriteLineAsync(string.Create(
                CultureInfo.InvariantCulture,
                $"The worker for {device} exited with code {code} and will be restarted in {wait.TotalSeconds:F0} s."));
            await Task.Delay(wait, all.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            wait = wait * 2 < LongestWait ? wait * 2 : LongestWait;
        }

        return ExitCode.Success;
    }

    /// <summary>Runs a child until it exits. On cancellation, the child drains.</summary>
    private async Task<int> RunAsync(string device, int number, CancellationToken stop)
    {
        var url = new UriBuilder(firstUrl) { Port = firstUrl.Port + number }.Uri;
        string[] program = Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) != "dotnet"
            ? [path]
            : [Environment.ProcessPath ?? "dotnet", Environment.GetCommandLineArgs()[0]];
        var start = new ProcessStartInfo(
            program[0],
            [
                .. program[1..], "worker", .. arguments, "--device", device, "--urls", url.GetLeftPart(UriPartial.Authority),
                "--until-input-ends",
            ])
        {
            RedirectStandardInput = true,
        };
        using var child = Process.Start(start)!;
        await using var drain = stop.Register(child.StandardInput.Close);
        await child.WaitForExitAsync(CancellationToken.None);
        return child.ExitCode;
    }
}
