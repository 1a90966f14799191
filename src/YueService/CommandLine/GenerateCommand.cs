using System.CommandLine;
using Yue.Engine;
using YueService.Audio;
using YueService.Hosting;
using YueService.Settings;

namespace YueService.CommandLine;

/// <summary><c>yue generate</c>: one song into a file, without a server.</summary>
internal static class GenerateCommand
{
    public static Command Create(SettingOptions settings, Action<IServiceCollection> configure)
    {
        var options = new GenerateOptions();
        var generate = new Command("generate", "Makes one song and writes it to a file") { TreatUnmatchedTokensAsErrors = false };
        options.AddTo(generate);
        generate.SetAction((line, cancel) => RunAsync(line, settings, options, configure, cancel));
        return generate;
    }

    private static async Task<int> RunAsync(
        ParseResult line,
        SettingOptions settingOptions,
        GenerateOptions options,
        Action<IServiceCollection> configure,
        CancellationToken cancel)
    {
        var (output, error) = (line.InvocationConfiguration.Output, line.InvocationConfiguration.Error);
        if (await CommandSettings.ReadAsync(line, settingOptions) is not { } settings)
        {
            return ExitCode.Usage;
        }

        using var signals = new CancelOnSignal(cancel);
        try
        {
            using var host = YueHost.BuildEngine(settings, configure);
            host.Services.ValidateYueOptions();
            await host.StartAsync(signals.Token);
            var handler = new GenerateHandler(
                host.Services.GetRequiredService<ISongEngine>(),
                host.Services.GetRequiredService<ISongEncoder>(),
                host.Services.GetRequiredService<ReferenceLoader>(),
                options,
                ProgressViews.For(error),
                output,
                error);
            try
            {
                return await handler.RunAsync(options.Read(line), signals.Token);
            }
            catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
            {
                await error.WriteLineAsync("Cancelled: no file was written.");
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
