using System.CommandLine;
using Yue.Engine.Scheduling;
using YueService.Hosting;
using YueService.Jobs;
using YueService.Jobs.Audio;
using YueService.Settings;

namespace YueService.CommandLine;

/// <summary><c>yue generate</c>: makes one or more takes of a song without a server, and writes them to files.</summary>
internal static class GenerateCommand
{
    /// <param name="settings">The options for settings.</param>
    /// <param name="configure">Registers the engine and the encoder.</param>
    /// <param name="standardOutput">The output for files named <c>-</c>; null means the process's standard output.</param>
    public static Command Create(SettingOptions settings, Action<IServiceCollection> configure, Stream? standardOutput)
    {
        var options = new GenerateOptions();
        var generate = new Command("generate", "Makes one or more takes of a song and writes them to files")
        {
            TreatUnmatchedTokensAsErrors = false,
        };
        options.AddTo(generate);
        generate.SetAction((line, cancel) => RunAsync(
            line.InvocationConfiguration, settings.Read(line), options.Read(line), configure, standardOutput, cancel));
        return generate;
    }

    /// <summary>Makes a song with an engine in this process.</summary>
    /// <param name="invocation">Receives results and messages.</param>
    /// <param name="settings">The settings of the command line.</param>
    /// <param name="arguments">The song and its files.</param>
    /// <param name="configure">Registers the engine and the encoder.</param>
    /// <param name="standardOutput">The output for files named <c>-</c>; null means the process's standard output.</param>
    /// <param name="cancel">Cancels like Ctrl-C.</param>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public static async Task<int> RunAsync(
        InvocationConfiguration invocation,
        HostSettings settings,
        GenerateArguments arguments,
        Action<IServiceCollection> configure,
        Stream? standardOutput,
        CancellationToken cancel)
    {
        var error = invocation.Error;
        using var signals = new CancelOnSignal(cancel);
        try
        {
            using var host = YueHost.BuildEngine(settings, configure);
            host.Services.ValidateYueOptions();
            var handler = new GenerateHandler(
                host.Services.GetRequiredService<ISongEngine>(),
                host.Services.GetRequiredService<JobIntake>(),
                host.Services.GetRequiredService<ISongEncoder>(),
                host.Services.GetRequiredService<ReferenceLoader>(),
                ProgressViews.For(error),
                invocation.Output,
                error,
                standardOutput);
            try
            {
                return await handler.RunAsync(arguments, host.StartAsync, signals.Token);
            }
            catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
            {
                await error.WriteLineAsync(
                    handler.HasWritten ? "Cancelled: the remaining takes were not written." : "Cancelled: no file was written.");
                return ExitCode.Cancelled;
            }
            finally
            {
                await host.StopAsync(CancellationToken.None);
            }
        }
        catch (Exception e) when (StartupFaults.Of(e) is { } faults)
        {
            await CommandSettings.ReportAsync(error, faults);
            return ExitCode.Usage;
        }
    }
}
