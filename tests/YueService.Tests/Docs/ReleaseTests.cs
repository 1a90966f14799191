using Xunit;
using Yue.Testing;
using YueService.Tests.EndToEnd;

namespace YueService.Tests.Docs;

/// <summary>Tests that <c>scripts/release.sh</c> builds only what is committed.</summary>
public sealed class ReleaseTests : IDisposable
{
    private static readonly string Script = Path.Combine("scripts", "release.sh");

    private readonly TemporaryFolder _folder = new();

    public ReleaseTests() => Assert.SkipWhen(OperatingSystem.IsWindows(), "the script needs bash");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_tree_with_uncommitted_changes_is_refused()
    {
        var copy = _folder.Write(
            Script, await File.ReadAllTextAsync(Path.Combine(DemoProcess.Repository, Script), TestContext.Current.CancellationToken));
        var commit = await ProgramRun.RunAsync(
            _folder.Path, "bash", "-c",
            "git init -q . && git add . && git -c user.name=yue -c user.email=yue@example.com commit -qm 'Add the script'");
        Assert.SkipWhen(commit.ExitCode == 127, "git is not installed");
        Assert.True(commit.ExitCode == 0, commit.Error);

        await File.AppendAllTextAsync(copy, "# A change.\n", TestContext.Current.CancellationToken);
        var (exitCode, _, error) = await ProgramRun.RunAsync(_folder.Path, "bash", Script);
        Assert.Equal(1, exitCode);
        Assert.StartsWith("Commit or stash the changes", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["artifacts"]));
    }
}
