using System.CommandLine;

namespace YueService.CommandLine;

/// <summary>The command line of <c>yue</c>: <c>serve</c> (also without a command) and <c>generate</c>.</summary>
internal static class YueCommandLine
{
    /// <summary>Runs a command line to its end.</summary>
    /// <param name="args">The arguments after the program's name.</param>
    /// <param name="configure">Registers the engine and the encoder.</param>
    /// <param name="output">Where results go.</param>
    /// <param name="error">Where progress and faults go.</param>
    /// <param name="cancel">Stops the command as Ctrl-C does.</param>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public static async Task<int> RunAsync(
        string[] args,
        Action<IServiceCollection> configure,
        TextWriter? output = null,
        TextWriter? error = null,
        CancellationToken cancel = default)
    {
        var invocation = new InvocationConfiguration
        {
            Output = output ?? Console.Out,
            Error = error ?? Console.Error,
            EnableDefaultExceptionHandler = false,

            // The commands handle signals themselves: a server drains, a song is cancelled.
            ProcessTerminationTimeout = null,
        };
        var line = Create(configure).Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (line.Errors.Count == 0)
        {
            return await line.InvokeAsync(invocation, cancel);
        }

        foreach (var fault in line.Errors)
        {
            await invocation.Error.WriteLineAsync(fault.Message);
        }

        await invocation.Error.WriteLineAsync("See yue --help.");
        return ExitCode.Usage;
    }

    private static RootCommand Create(Action<IServiceCollection> configure)
    {
        var root = new RootCommand(
            "Lyrics and a genre line in, a song out: the YuE models as a service. "
            + "Any other setting is an argument by its full name, such as --Yue:LogFormat=json.")
        {
            // Settings of any section are arguments, too; SettingOptions sorts out what is left.
            TreatUnmatchedTokensAsErrors = false,
        };
        var settings = new SettingOptions(root);
        root.Subcommands.Add(ServeCommand.Create(root, settings, configure));
        root.Subcommands.Add(GenerateCommand.Create(settings, configure));
        return root;
    }
}
