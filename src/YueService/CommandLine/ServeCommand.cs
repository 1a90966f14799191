using System.CommandLine;
using System.Net.Sockets;
using YueService.Hosting;
using YueService.Jobs;

namespace YueService.CommandLine;

/// <summary><c>yue serve</c>: the web service until a signal ends it. Also what <c>yue</c> does without a command.</summary>
internal static class ServeCommand
{
    public static Command Create(RootCommand root, SettingOptions settings, Action<IServiceCollection> configure)
    {
        var urls = new Option<string?>("--urls")
        {
            HelpName = "URL[;URL]",
            Description = $"Where to listen; {YueHost.DefaultUrl} when neither this nor ASPNETCORE_URLS says otherwise",
        };
        var open = new Option<bool>("--open") { Description = "Opens the studio in the browser when the service listens" };
        var serve = new Command("serve", "Runs the web service; the default") { TreatUnmatchedTokensAsErrors = false };
        foreach (var command in new[] { root, serve })
        {
            command.Options.Add(urls);
            command.Options.Add(open);
            command.SetAction((line, cancel) => RunAsync(line, settings, line.GetValue(urls), line.GetValue(open), configure, cancel));
        }

        return serve;
    }

    private static async Task<int> RunAsync(
        ParseResult line,
        SettingOptions options,
        string? urls,
        bool opensBrowser,
        Action<IServiceCollection> configure,
        CancellationToken cancel)
    {
        var error = line.InvocationConfiguration.Error;
        var settings = options.Read(line);
        if (urls is not null)
        {
            settings = settings with { Values = [.. settings.Values, new(WebHostDefaults.ServerUrlsKey, urls)] };
        }

        try
        {
            await using var app = YueHost.BuildService(settings, configure);
            await app.StartAsync(cancel);
            app.AnnounceStudio(opensBrowser);
            await app.WaitForShutdownAsync(cancel);
            return app.Services.GetRequiredService<EngineWatch>().IsLost ? ExitCode.EngineLost
                : app.Services.GetRequiredService<JobFailure>().IsReported ? ExitCode.Failure
                : ExitCode.Success;
        }
        catch (Exception e) when (StartupFaults.Of(e) is { } faults)
        {
            await CommandSettings.ReportAsync(error, faults);
            return ExitCode.Usage;
        }
        catch (Exception e) when (e is IOException or FormatException or SocketException || IsKestrels(e))
        {
            // The others name the address.
            var where = e is not (IOException or FormatException)
                ? $"{urls ?? Environment.GetEnvironmentVariable("ASPNETCORE_URLS")}: "
                : "";
            await error.WriteLineAsync(
                $"yue cannot listen: {where}{e.Message.ReplaceLineEndings(" ").TrimEnd('.')}. "
                    + "--urls http://127.0.0.1:2009 (or ASPNETCORE_URLS) takes another address.");
            return ExitCode.Failure;
        }
    }

    /// <summary>Errors for which the server itself does not start, such as https without a certificate.</summary>
    private static bool IsKestrels(Exception e) =>
        e is InvalidOperationException { Source: { } source }
            && source.StartsWith("Microsoft.AspNetCore.Server.Kestrel", StringComparison.Ordinal);
}
