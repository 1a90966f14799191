using Xunit;
using YueService.CommandLine;
using YueService.Tests.Fakes;

namespace YueService.Tests.CommandLine;

public sealed class HelpTests
{
    private readonly Command _command = new();

    [Theory]
    [InlineData("")]
    [InlineData("serve")]
    [InlineData("generate")]
    [InlineData("demo")]
    [InlineData("doctor")]
    [InlineData("models")]
    [InlineData("models pull")]
    [InlineData("models list")]
    [InlineData("models verify")]
    [InlineData("models quantize")]
    public async Task The_help_of_every_command_closes_each_bracket_that_it_opens(string command)
    {
        var help = await HelpAsync(command);
        Assert.Contains($"Usage:{Environment.NewLine}  ", help, StringComparison.Ordinal);
        Assert.All(["[]", "()", "<>", "{}"], pair => AssertBalanced(help, pair[0], pair[1]));
        Assert.DoesNotContain("additional arguments", help, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("serve", true)]
    [InlineData("generate", true)]
    [InlineData("demo", true)]
    [InlineData("doctor", true)]
    [InlineData("models list", false)]
    public async Task The_help_describes_settings_if_the_command_accepts_them(string command, bool takesSettings) =>
        Assert.Equal(takesSettings, (await HelpAsync(command)).Contains("--Yue:LogFormat=json", StringComparison.Ordinal));

    private async Task<string> HelpAsync(string command)
    {
        Assert.Equal(ExitCode.Success, await _command.RunAsync([.. command.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]));
        Assert.Empty(_command.Error.ToString());
        return _command.Output.ToString();
    }

    private static void AssertBalanced(string text, char open, char close)
    {
        var depth = 0;
        foreach (var letter in text)
        {
            depth += letter == open ? 1 : letter == close ? -1 : 0;
            Assert.True(depth >= 0, $"a {close} has no opening bracket:\n{text}");
        }

        Assert.True(depth == 0, $"a {open} is not closed:\n{text}");
    }
}
