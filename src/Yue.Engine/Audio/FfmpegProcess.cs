using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Yue.Engine.Audio;

/// <summary>ffmpeg is missing, failed or took too long; the message ends with ffmpeg's error output, if there is any.</summary>
public sealed class FfmpegException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>True if ffmpeg exceeded the time limit.</summary>
    public bool IsTimeout { get; init; }
}

/// <summary>The result of a run.</summary>
/// <param name="ExitCode">The exit code; 0 for success.</param>
/// <param name="Error">The beginning of the process's error output.</param>
internal sealed record FfmpegEnd(int ExitCode, string Error);

/// <summary>Runs ffmpeg and ffprobe. Data is passed through pipes. A run ends at its time limit or when its caller cancels.</summary>
internal static class FfmpegProcess
{
    private const int MaxErrorLength = 4000;

    /// <summary>Runs a program until it exits. If the reader stops reading, the program gets a write error and exits.</summary>
    /// <param name="executable">The program; null if it was not found.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="input">The standard input.</param>
    /// <param name="read">Reads standard output while the input is being written.</param>
    /// <param name="timeLimit">The time limit.</param>
    /// <param name="cancel">Kills the process.</param>
    /// <exception cref="FfmpegException">The program is missing, could not be started, or exceeded the time limit.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the process is killed first.</exception>
    public static Task<FfmpegEnd> RunAsync(
        string? executable,
        IEnumerable<string> arguments,
        ReadOnlyMemory<byte> input,
        Func<Stream, CancellationToken, Task> read,
        TimeSpan timeLimit,
        CancellationToken cancel) =>
        RunStreamAsync(executable, arguments, (stream, token) => stream.WriteAsync(input, token).AsTask(), read, timeLimit, cancel);

    /// <summary>Runs a program until it exits, with input that arrives in chunks.</summary>
    /// <param name="executable">The program; null if it was not found.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="write">Writes standard input. An exception other than a pipe error ends the run.</param>
    /// <param name="read">Reads standard output while the input is being written.</param>
    /// <param name="timeLimit">The time limit; infinite for input that may arrive at any speed.</param>
    /// <param name="cancel">Kills the process.</param>
    /// <exception cref="FfmpegException">The program is missing, could not be started, or exceeded the time limit.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the process is killed first.</exception>
    public static async Task<FfmpegEnd> RunStreamAsync(
        string? executable,
        IEnumerable<string> arguments,
        Func<Stream, CancellationToken, Task> write,
        Func<Stream, CancellationToken, Task> read,
        TimeSpan timeLimit,
        CancellationToken cancel)
    {
        using var process = Start(executable ?? throw new FfmpegException("ffmpeg or ffprobe was not found"), arguments);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(timeLimit);
        var error = new StringBuilder();
        try
        {
            // All three pipes are served at the same time, because a full pipe would block the process.
            await Task.WhenAll(
                FeedAsync(process, write, limit.Token),
                ReadAsync(process, read, limit.Token),
                CollectAsync(process.StandardError, error, limit.Token));
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            var name = Path.GetFileName(executable);
            var message = string.Create(CultureInfo.InvariantCulture, $"{name} took longer than {timeLimit.TotalSeconds:0.###} s. {error}");
            throw new FfmpegException(message) { IsTimeout = true };
        }
        finally
        {
            Kill(process);
        }

        return new FfmpegEnd(process.ExitCode, error.ToString());
    }

    private static Process Start(string executable, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(executable, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            CreateNoWindow = true,
        };
        var name = Path.GetFileName(executable);
        try
        {
            return Process.Start(start) ?? throw new FfmpegException($"{name} could not be started");
        }
        catch (Win32Exception exception)
        {
            throw new FfmpegException($"{name} could not be started: {exception.Message}", exception);
        }
    }

    private static async Task FeedAsync(Process process, Func<Stream, CancellationToken, Task> write, CancellationToken cancel)
    {
        try
        {
            await using var stream = process.StandardInput.BaseStream;
            await write(stream, cancel);
        }
        catch (IOException)
        {
            // The process closed its input; its exit code and error output give the reason.
        }
    }

    private static async Task ReadAsync(Process process, Func<Stream, CancellationToken, Task> read, CancellationToken cancel)
    {
        await using var stream = process.StandardOutput.BaseStream;
        await read(stream, cancel);
    }

    private static async Task CollectAsync(StreamReader reader, StringBuilder text, CancellationToken cancel)
    {
        var buffer = new char[1024];
        while (await reader.ReadAsync(buffer, cancel) is var count and > 0)
        {
            text.Append(buffer, 0, Math.Min(count, MaxErrorLength - text.Length));
        }
    }

    private static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It has already exited.
        }
    }
}
