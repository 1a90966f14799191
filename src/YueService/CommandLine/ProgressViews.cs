using Spectre.Console;

namespace YueService.CommandLine;

/// <summary>Selects the view that a stream can show.</summary>
internal static class ProgressViews
{
    /// <summary>A bar on a terminal, plain lines elsewhere.</summary>
    public static IProgressView For(TextWriter writer)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) });
        return console.Profile.Out.IsTerminal ? new BarProgressView(console) : new LineProgressView(writer);
    }
}
