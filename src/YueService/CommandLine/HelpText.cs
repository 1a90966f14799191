using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace YueService.CommandLine;

/// <summary>Prints the help of a command. If the command accepts settings by their full names, a separate section says so.</summary>
/// <remarks>This section replaces the library's own text about additional arguments, which has an extra bracket and says that such
/// arguments are passed to another program.</remarks>
internal sealed class HelpText(HelpAction help) : SynchronousCommandLineAction
{
    /// <summary>Sets the help of a command line.</summary>
    public static void AddTo(RootCommand root)
    {
        var option = root.Options.OfType<HelpOption>().Single();
        option.Action = new HelpText((HelpAction)option.Action!);
    }

    /// <summary>True, because a command line with --help may lack required arguments.</summary>
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        var command = parseResult.CommandResult.Command;
        var takesSettings = !command.TreatUnmatchedTokensAsErrors;
        command.TreatUnmatchedTokensAsErrors = true;
        var code = help.Invoke(parseResult);
        command.TreatUnmatchedTokensAsErrors = !takesSettings;
        if (takesSettings)
        {
            var output = parseResult.InvocationConfiguration.Output;
            output.WriteLine("Settings:");
            output.WriteLine("  Any other setting can be given by its full name, such as --Yue:LogFormat=json.");
            output.WriteLine();
        }

        return code;
    }
}
