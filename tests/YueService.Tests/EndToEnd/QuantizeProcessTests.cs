using Xunit;
using Yue.Testing;
using YueService.CommandLine;

namespace YueService.Tests.EndToEnd;

/// <summary>Tests <c>yue models quantize</c> in separate processes.</summary>
public sealed class QuantizeProcessTests : IDisposable
{
    private const string Stage1 = "YuE-s1-demo-int4";
    private const string Stage2 = "YuE-s2-demo-int4";
    private const string Calibration = "calibration.safetensors";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Killed_runs_resume_and_give_the_result_of_an_uninterrupted_run()
    {
        await RunAsync("whole");
        var first = await KillAsync(Stage1, "model-00002-of-00008.safetensors");
        Assert.InRange(first.Count, 3, 9);      // the calibration, the embedding, and one layer or more
        var second = await KillAsync(Stage2, "model-00001-of-00005.safetensors");
        AssertKept(first, Stage1);

        Assert.DoesNotContain("singing", await RunAsync("killed"), StringComparison.Ordinal);
        AssertKept(first, Stage1);
        AssertKept(second, Stage2);
        var (whole, killed) = (FilesOf("whole"), FilesOf("killed"));
        Assert.Equal(20, whole.Count);
        Assert.Equal(whole.Keys, killed.Keys);
        Assert.All(whole, file => Assert.Equal(file.Value, killed[file.Key]));
    }

    private string[] Line(string output) =>
        ["models", "quantize", "demo", "--bits", "4", "--songs", "1", "--device", "cpu", "--output", _folder[output]];

    /// <summary>Runs the command to completion and returns its messages and progress from standard error.</summary>
    private async Task<string> RunAsync(string output)
    {
        var (exitCode, _, error) = await DemoProcess.RunWithAsync([], Line(output));
        Assert.True(exitCode == ExitCode.Success, error);
        return error;
    }

    /// <summary>Runs the command until a file of a checkpoint is written, and then kills the process as <c>kill -9</c> does.</summary>
    /// <returns>The checkpoint's finished files and the times at which they were written.</returns>
    private async Task<Dictionary<string, DateTime>> KillAsync(string checkpoint, string file)
    {
        var folder = _folder[$"killed/{checkpoint}.part"];
        using var process = DemoProcess.Start([], Line("killed"));
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        await Eventually.TrueAsync(() => File.Exists(Path.Combine(folder, file)) || process.HasExited);
        Assert.False(process.HasExited, $"the program ended before the test saw {file}");
        process.Kill();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return Directory.GetFiles(folder, "*.safetensors").ToDictionary(path => Path.GetFileName(path), File.GetLastWriteTimeUtc);
    }

    private void AssertKept(Dictionary<string, DateTime> finished, string checkpoint) => Assert.All(
        finished.Where(file => file.Key != Calibration),
        file => Assert.Equal(file.Value, File.GetLastWriteTimeUtc(_folder[$"killed/{checkpoint}/{file.Key}"])));

    /// <summary>Returns the contents of all files in a folder and its subfolders, by their relative paths.</summary>
    private SortedDictionary<string, byte[]> FilesOf(string output) => new(
        Directory.GetFiles(_folder[output], "*", SearchOption.AllDirectories)
            .ToDictionary(path => Path.GetRelativePath(_folder[output], path), File.ReadAllBytes),
        StringComparer.Ordinal);
}
