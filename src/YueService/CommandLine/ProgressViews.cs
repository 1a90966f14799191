using Spectre.Console;

namespace YueService.CommandLine;

/// <summary>Selects the progress view for a stream.</summary>
internal static class ProgressViews
{
    /// <summary>Returns a bar on a terminal, and plain lines elsewhere.</summary>
    public static IProgressView For(TextWriter writer)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) });
        return console.Profile.Out.IsTerminal ? new BarProgressView(console) : new LineProgressView(writer);
    }
}
