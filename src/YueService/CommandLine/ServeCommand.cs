using System.CommandLine;
using System.Net.Sockets;
using YueService.Hosting;
using YueService.Jobs;
using YueService.Jobs.Shared;
using YueService.Settings;

namespace YueService.CommandLine;

/// <summary><c>yue serve</c>: runs the web service until a signal or a failure ends it. This is also the default command.</summary>
internal static class ServeCommand
{
    public static Command Create(RootCommand root, SettingOptions settings, Action<IServiceCollection> configure)
    {
        var urls = new Option<string?>("--urls")
        {
            HelpName = "URL[;URL]",
            Description = $"The addresses to listen on; {YueHost.DefaultUrl} if neither this nor ASPNETCORE_URLS is set",
        };
        var open = new Option<bool>("--open") { Description = "Opens the studio in the browser once the service is listening" };
        var serve = new Command("serve", "Runs the web service (the default command)") { TreatUnmatchedTokensAsErrors = false };
        var role = new Option<string>("--role")
        {
            HelpName = "both|api",
            Description = "api accepts jobs but makes no songs: workers with the same Yue:Store make them",
            DefaultValueFactory = _ => "both",
        };
        role.AcceptOnlyFromAmong("both", "api");
        foreach (var command in new[] { root, serve })
        {
            command.Options.Add(urls);
            command.Options.Add(open);
            command.Options.Add(role);
            command.SetAction((line, cancel) => RunAsync(
                line,
                settings,
                line.GetValue(urls),
                line.GetValue(open),
                line.GetValue(role) == "api" ? ServiceRole.Api : ServiceRole.Both,
                configure,
                cancel));
        }

        return serve;
    }

    /// <summary><c>yue worker</c>: makes the songs of jobs that other processes accept.</summary>
    public static Command CreateWorker(SettingOptions settings, Action<IServiceCollection> configure)
    {
        var urls = new Option<string?>("--urls")
        {
            HelpName = "URL[;URL]",
            Description = $"The address for health and metrics; {YueHost.WorkerUrl} if neither this nor ASPNETCORE_URLS is set",
        };
        var worker = new Command("worker", "Makes the songs of jobs that other processes with the same Yue:Store accept")
        {
            TreatUnmatchedTokensAsErrors = false,
        };
        var devices = new Option<string?>("--devices")
        {
            HelpName = "all|DEVICE,DEVICE",
            Description = "Starts one worker process per device, on consecutive ports; all means every GPU of the machine",
        };
        var untilInputEnds = new Option<bool>("--until-input-ends") { Hidden = true };
        worker.Options.Add(urls);
        worker.Options.Add(devices);
        worker.Options.Add(untilInputEnds);
        worker.SetAction(async (line, cancel) =>
        {
            if (line.GetValue(devices) is { } names)
            {
                return await RunFleetAsync(line, names, line.GetValue(urls), cancel);
            }

            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            if (line.GetValue(untilInputEnds))
            {
                CancelAtEndOfInput(stop);
            }

            return await RunAsync(line, settings, line.GetValue(urls), opensBrowser: false, ServiceRole.Worker, configure, stop.Token);
        });
        return worker;
    }

    /// <summary>Runs one worker per device.</summary>
    private static async Task<int> RunFleetAsync(ParseResult line, string names, string? urls, CancellationToken cancel)
    {
        var devices = await WorkerFleet.DevicesOfAsync(names, cancel);
        var first = ListenOptions.Read(urls ?? YueHost.WorkerUrl).Select(url => url.Address).OfType<Uri>().FirstOrDefault();
        if (devices.Count == 0 || first is null)
        {
            await line.InvocationConfiguration.Error.WriteLineAsync(devices.Count == 0
                ? $"--devices is {names}, but nvidia-smi shows no GPU here. Name the devices, such as cuda:0,cuda:1."
                : $"--urls is {urls}; the first worker needs an address with a port, such as {YueHost.WorkerUrl}.");
            return ExitCode.Usage;
        }

        using var signals = new CancelOnSignal(cancel);
        return await new WorkerFleet(devices, first, OtherArguments(line), line.InvocationConfiguration.Error).RunAsync(signals.Token);
    }

    /// <summary>Returns the arguments for all workers: everything except the options that the fleet handles itself or sets for each
    /// worker.</summary>
    private static List<string> OtherArguments(ParseResult line)
    {
        var others = new List<string>();
        var tokens = line.Tokens.Select(token => token.Value).SkipWhile(token => token != "worker").Skip(1).ToList();
        for (var i = 0; i < tokens.Count; i++)
        {
            if (tokens[i] is "--devices" or "--urls" or "--device")
            {
                i++;
            }
            else if (tokens[i] != "--until-input-ends")
            {
                others.Add(tokens[i]);
            }
        }

        return others;
    }

    /// <summary>Cancels when the parent process closes its end of standard input or exits.</summary>
    private static void CancelAtEndOfInput(CancellationTokenSource stop) => _ = Task.Run(async () =>
    {
        await using var input = Console.OpenStandardInput();
        var buffer = new byte[256];
        while (await input.ReadAsync(buffer) > 0)
        {
            // Input is ignored.
        }

        try
        {
            await stop.CancelAsync();
        }
        catch (ObjectDisposedException)
        {
            // The command has already ended.
        }
    });

    private static async Task<int> RunAsync(
        ParseResult line,
        SettingOptions options,
        string? urls,
        bool opensBrowser,
        ServiceRole role,
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
            await using var app = YueHost.BuildService(settings, configure, role);
            await app.StartAsync(cancel);
            if (role != ServiceRole.Worker)
            {
                app.AnnounceStudio(opensBrowser);
            }

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
        catch (Exception e) when (e is IOException or FormatException or SocketException || IsFromKestrel(e))
        {
            // The messages of IOException and FormatException already name the address.
            var where = e is not (IOException or FormatException)
                ? $"{urls ?? Environment.GetEnvironmentVariable("ASPNETCORE_URLS")}: "
                : "";
            await error.WriteLineAsync(
                $"yue cannot listen: {where}{e.Message.ReplaceLineEndings(" ").TrimEnd('.')}. "
                    + "--urls http://127.0.0.1:2009 (or ASPNETCORE_URLS) selects another address.");
            return ExitCode.Failure;
        }
    }

    /// <summary>Returns true for errors of the server that prevent it from starting, such as https without a certificate.</summary>
    private static bool IsFromKestrel(Exception e) =>
        e is InvalidOperationException { Source: { } source }
            && source.StartsWith("Microsoft.AspNetCore.Server.Kestrel", StringComparison.Ordinal);
}
