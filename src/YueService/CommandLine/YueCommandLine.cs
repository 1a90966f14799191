using System.CommandLine;
using YueService.Hosting;

namespace YueService.CommandLine;

/// <summary>The command line of <c>yue</c>: <c>serve</c> (the default), <c>worker</c>, <c>generate</c>, <c>demo</c>, <c>doctor</c>,
/// <c>models</c>.</summary>
internal static class YueCommandLine
{
    /// <summary>Runs a command line until its command ends.</summary>
    /// <param name="args">The arguments after the program's name.</param>
    /// <param name="configure">Registers the engine and the encoder.</param>
    /// <param name="output">Receives results.</param>
    /// <param name="error">Receives progress, warnings and errors.</param>
    /// <param name="file">The output for files named <c>-</c>; null means the process's standard output.</param>
    /// <param name="cancel">Cancels the command like Ctrl-C.</param>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public static async Task<int> RunAsync(
        string[] args,
        Action<IServiceCollection> configure,
        TextWriter? output = null,
        TextWriter? error = null,
        Stream? file = null,
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
        var line = Create(configure, file).Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        var faults = Faults(line).ToList();
        if (faults.Count == 0)
        {
            return await RunAsync(line, invocation, cancel);
        }

        foreach (var fault in faults)
        {
            await invocation.Error.WriteLineAsync(fault);
        }

        await invocation.Error.WriteLineAsync("See yue --help.");
        return ExitCode.Usage;
    }

    private static async Task<int> RunAsync(ParseResult line, InvocationConfiguration invocation, CancellationToken cancel)
    {
        try
        {
            return await line.InvokeAsync(invocation, cancel);
        }
        catch (StartException e)
        {
            await invocation.Error.WriteLineAsync(e.Message);
            return ExitCode.Usage;
        }
    }

    private static IEnumerable<string> Faults(ParseResult line) =>
    [
        .. UnknownArguments.Of(line),
        .. line.Errors
            .Where(fault => !line.UnmatchedTokens.Any(token => fault.Message.Contains($"'{token}'", StringComparison.Ordinal)))
            .Select(fault => fault.Message),
    ];

    private static RootCommand Create(Action<IServiceCollection> configure, Stream? file)
    {
        var root = new RootCommand("Makes songs from lyrics and a genre line with the YuE models.")
        {
            // Settings of any section can be arguments; UnknownArguments reports the rest.
            TreatUnmatchedTokensAsErrors = false,
        };
        var settings = new SettingOptions(root);
        root.Subcommands.Add(ServeCommand.Create(root, settings, configure));
        root.Subcommands.Add(ServeCommand.CreateWorker(settings, configure));
        root.Subcommands.Add(GenerateCommand.Create(settings, configure, file));
        root.Subcommands.Add(DemoCommand.Create(settings, configure, file));
        root.Subcommands.Add(DoctorCommand.Create(settings, configure));
        root.Subcommands.Add(ModelsCommand.Create(Console.IsInputRedirected ? null : Console.In));
        HelpText.AddTo(root);
        return root;
    }
}
