using System.Diagnostics;
using Xunit;

namespace Yue.Testing;

/// <summary>Creates files with ffmpeg for tests.</summary>
public static class Ffmpeg
{
    public static bool IsInstalled { get; } = (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator)
        .Any(folder => File.Exists(Path.Combine(folder, "ffmpeg")) && File.Exists(Path.Combine(folder, "ffprobe")));

    /// <summary>Skips the test unless a folder on PATH contains both ffmpeg and ffprobe.</summary>
    public static void SkipWithout() => Assert.SkipUnless(IsInstalled, "no folder on PATH contains both ffmpeg and ffprobe");

    /// <summary>Runs ffmpeg and returns the content of its output file.</summary>
    /// <param name="arguments">The arguments, without the output file.</param>
    /// <param name="extension">The extension of the output file, which selects its format.</param>
    public static Task<byte[]> MakeAsync(string arguments, string extension) => MakeAsync([], arguments, extension);

    /// <summary>Runs ffmpeg with an input, which the arguments refer to as <c>pipe:0</c>, and returns the content of its output
    /// file.</summary>
    public static async Task<byte[]> MakeAsync(byte[] input, string arguments, string extension)
    {
        var file = Path.Combine(Path.GetTempPath(), $"yue-test-{Guid.NewGuid():N}.{extension}");
        try
        {
            using var process = Process.Start(new ProcessStartInfo("ffmpeg", $"-loglevel error {arguments} {file}")
            {
                RedirectStandardInput = true,
                RedirectStandardError = true,
            })!;
            await process.StandardInput.BaseStream.WriteAsync(input);
            process.StandardInput.Close();
            var error = await process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync();
            Assert.True(process.ExitCode == 0, $"ffmpeg {arguments}: {error}");
            return await File.ReadAllBytesAsync(file);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
