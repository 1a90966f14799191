using Xunit;
using Yue.Testing;
using YueService.CommandLine;
using YueService.Tests.Fakes;

namespace YueService.Tests.CommandLine;

public sealed class DemoTests
{
    [Fact]
    public async Task The_demo_ignores_configured_checkpoints()
    {
        using var folder = new TemporaryFolder();
        var command = new Command();
        var exitCode = await command.RunAsync(
            "demo", "--out", folder["song.wav"], "--stage1", "en-cot=/no/such/folder", "--tokenizer", "/no/such/file");
        Assert.True(exitCode == ExitCode.Success, command.Error.ToString());
        Assert.Equal(DemoCommand.Lyrics, Assert.Single(command.Engine.Requests).Lyrics);
        Assert.Equal(["song.wav"], folder.Files);
    }

    [Theory]
    [InlineData(".", "which is a folder")]
    [InlineData("no-such/song.wav", "there is no folder")]
    [InlineData("song.ogg", "'.ogg' is not a supported format")]
    public async Task The_demo_checks_its_output_file_before_the_engine_starts(string file, string expected)
    {
        using var folder = new TemporaryFolder();
        var command = new Command();
        Assert.Equal(ExitCode.Usage, await command.RunAsync("demo", "--out", folder[file]));
        Assert.Contains(expected, command.Error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("started", command.Engine.LifecycleCalls);
    }
}
