using System.Diagnostics;
using Xunit;

namespace Yue.Testing;

/// <summary>The result of a program that has ended.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Output">The text that it wrote to standard output.</param>
/// <param name="Error">The text that it wrote to standard error.</param>
public sealed record ProgramRun(int ExitCode, string Output, string Error)
{
    /// <summary>Runs a program.</summary>
    /// <param name="folder">The folder to run it in.</param>
    /// <param name="program">Its path, or a name on the PATH.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <exception cref="System.ComponentModel.Win32Exception">There is no such program.</exception>
    public static async Task<ProgramRun> RunAsync(string folder, string program, params string[] arguments)
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
        return new(process.ExitCode, printed[0], printed[1]);
    }
}
