using System.Text;
using System.Text.RegularExpressions;
using Spectre.Console;
using Xunit;
using YueService.CommandLine;

namespace YueService.Tests.CommandLine;

/// <summary>Tests progress bars on terminals of various widths. A line that is too long would wrap and could not be redrawn.</summary>
public sealed partial class BarProgressViewTests
{
    [Theory]
    [InlineData(10)]
    [InlineData(20)]
    [InlineData(30)]
    [InlineData(40)]
    [InlineData(50)]
    [InlineData(60)]
    [InlineData(80)]
    [InlineData(200)]
    public async Task No_line_about_a_song_is_wider_than_the_terminal(int width)
    {
        var terminal = await ShowAsync(width, new ProgressLine("singing section 12 of 120", 0.45));
        AssertFits(terminal, width, width >= 36 ? "singing section 12 of 120" : "");
    }

    [Theory]
    [InlineData(40, false)]
    [InlineData(80, true)]
    public async Task No_line_about_a_download_is_wider_than_the_terminal(int width, bool showsBytes)
    {
        var line = new ProgressLine("model-00001-of-00003.safetensors", 0.45) { Bytes = 4_920_000_000 };
        var terminal = await ShowAsync(width, line);
        AssertFits(terminal, width, "model-00001-of-");
        Assert.Equal(showsBytes, Bytes().IsMatch(Plain(terminal)));
    }

    [Fact]
    public async Task A_notice_is_shown_in_addition_to_the_bar()
    {
        var terminal = await ShowAsync(80, new ProgressLine("file", 0.1) { Bytes = 10, Notice = "hub.example responds with 503" });
        Assert.Contains("hub.example responds with 503", terminal.Text, StringComparison.Ordinal);
    }

    /// <summary>Shows a line until it has been drawn a few times.</summary>
    private static async Task<Terminal> ShowAsync(int width, ProgressLine line)
    {
        using var terminal = new Terminal(width);
        var work = new TaskCompletionSource();
        var reads = 0;
        await new BarProgressView(terminal.Console).FollowAsync(
            () =>
            {
                if (++reads == 3)
                {
                    work.SetResult();
                }

                return line;
            },
            work.Task);
        return terminal;
    }

    private static void AssertFits(Terminal terminal, int width, string expected)
    {
        var lines = Plain(terminal).Split('\n', '\r').Where(line => line.Length > 0).ToArray();
        Assert.NotEmpty(lines);
        Assert.All(lines, line => Assert.InRange(line.Length, 0, width));
        Assert.Contains(lines, line => line.Contains('%') && line.Contains(expected, StringComparison.Ordinal));
    }

    private static string Plain(Terminal terminal) => EscapeSequence().Replace(terminal.Text, "");

    [GeneratedRegex(@"2\.\d/4\.\d Gi?B")]
    private static partial Regex Bytes();

    [GeneratedRegex("\u001b\\[[0-9;?]*[A-Za-z]")]
    private static partial Regex EscapeSequence();

    private sealed class Terminal : IAnsiConsoleOutput, IDisposable
    {
        private readonly StringWriter _writer = new();

        public Terminal(int width)
        {
            Width = width;
            Console = AnsiConsole.Create(
                new AnsiConsoleSettings { Ansi = AnsiSupport.Yes, Interactive = InteractionSupport.Yes, Out = this });
        }

        public IAnsiConsole Console { get; }

        public string Text => _writer.ToString();

        public TextWriter Writer => _writer;

        public bool IsTerminal => true;

        public int Width { get; }

        public int Height => 24;

        public void SetEncoding(Encoding encoding)
        {
        }

        public void Dispose() => _writer.Dispose();
    }
}
