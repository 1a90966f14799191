using System.Diagnostics;

namespace Yue.Bench;

/// <summary>Starts processes of YueService.FakeProcess, whose engine only waits.</summary>
internal static class SimulatedService
{
    /// <summary>Starts a process that logs only warnings and errors.</summary>
    /// <param name="program">The path of YueService.FakeProcess.dll.</param>
    /// <param name="arguments">The command and its options.</param>
    /// <param name="stateFolder">The folder for the state of the process.</param>
    /// <param name="environment">Additional environment variables.</param>
    public static Process Start(
        string program, IEnumerable<string> arguments, string stateFolder, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(
            "dotnet",
            [
                program, .. arguments, "--queue-capacity", "10000", "--Serilog:MinimumLevel:Default=Warning",
                $"--Yue:StateFolder={stateFolder}",
            ]);
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }
}
