using System.CommandLine;
using Microsoft.Extensions.Options;
using Yue.Engine.Families;
using Yue.Engine.Families.Yue1.Demo;
using Yue.Engine.Families.Yue1.SelfCheck;
using Yue.Engine.Residency;
using Yue.Engine.Scheduling;
using Yue.Engine.Separation;
using Yue.Engine.Weights;
using YueService.Doctor;
using YueService.Hosting;
using YueService.Settings;
using Yue2Figures = Yue.Engine.Families.Yue2.SelfCheck.PublishedFigures;
using Yue2SelfCheck = Yue.Engine.Families.Yue2.SelfCheck.CheckpointSelfCheck;

namespace YueService.CommandLine;

/// <summary><c>yue doctor</c>: reports what is missing and the command that fixes it; with <c>--deep</c>, it also runs the checkpoints'
/// self-check.</summary>
internal static class DoctorCommand
{
    public static Command Create(SettingOptions settings, Action<IServiceCollection> configure)
    {
        var deep = new Option<bool>("--deep")
        {
            Description = "Also recomputes the published figures with the configured checkpoints "
                + "(takes minutes, and needs enough memory for stage 2 in float32)",
        };
        var figures = new Option<string?>("--figures")
        {
            HelpName = "FILE",
            Description = "A file of figures for checkpoints other than the public ones, in the format of published-figures.json",
        };
        var urls = new Option<string?>("--urls") { HelpName = "URL[;URL]", Description = "The addresses that the service would listen on" };
        var doctor = new Command("doctor", "Reports what is missing and the command that fixes it")
        {
            TreatUnmatchedTokensAsErrors = false,
        };
        doctor.Options.Add(deep);
        doctor.Options.Add(figures);
        doctor.Options.Add(urls);
        doctor.SetAction((line, cancel) =>
            RunAsync(line, settings, line.GetValue(urls), line.GetValue(deep) ? new(line.GetValue(figures)) : null, configure, cancel));
        return doctor;
    }

    private static async Task<int> RunAsync(
        ParseResult line, SettingOptions options, string? urls, DeepCheck? deep,
        Action<IServiceCollection> configure, CancellationToken cancel)
    {
        using var signals = new CancelOnSignal(cancel);
        try
        {
            return await RunChecksAsync(line, options, urls, deep, configure, signals.Token);
        }
        catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
        {
            await line.InvocationConfiguration.Error.WriteLineAsync("Cancelled: the remaining checks were not run.");
            return ExitCode.Cancelled;
        }
    }

    private static async Task<int> RunChecksAsync(
        ParseResult line, SettingOptions options, string? urls, DeepCheck? deep,
        Action<IServiceCollection> configure, CancellationToken cancel)
    {
        var output = line.InvocationConfiguration.Output;
        using var host = YueHost.BuildEngine(options.Read(line), configure);
        EngineOptions engine;
        try
        {
            host.Services.ValidateYueOptions();
            engine = host.Services.GetRequiredService<IOptions<EngineOptions>>().Value;
        }
        catch (Exception e) when (StartupFaults.Of(e) is { } faults)
        {
            foreach (var fault in faults)
            {
                await output.WriteLineAsync(
                    Finding.Missing("settings", fault, "correct the setting; yue --help lists the options for settings").ToString());
            }

            return ExitCode.Failure;
        }

        // This host is not a web host, which would read the variable itself.
        var configured = Environment.GetEnvironmentVariable("ASPNETCORE_URLS")
            ?? host.Services.GetRequiredService<IConfiguration>()[WebHostDefaults.ServerUrlsKey];
        var stateFolder = host.Services.GetRequiredService<IOptions<JobOptions>>().Value.StateFolder;
        var isHealthy = await ExamineAsync(engine, stateFolder, Addresses(urls ?? configured), output, cancel);
        foreach (var finding in await StoreChecks.RunAsync(host.Services.GetRequiredService<IOptions<StoreOptions>>().Value, cancel))
        {
            await output.WriteLineAsync(finding.ToString());
            isHealthy &= finding.Level != FindingLevel.Missing;
        }

        if (host.Services.GetRequiredService<IOptions<SeparatorOptions>>().Value.Separator is { } separator)
        {
            // The settings were checked above, so the network has the right shape.
            await output.WriteLineAsync(Finding.Ok("separator", $"{separator} can be run").ToString());
        }

        if (deep is not null)
        {
            isHealthy &= await deep.RunAsync(engine, output, cancel);
        }

        return isHealthy ? ExitCode.Success : ExitCode.Failure;
    }

    private static async Task<bool> ExamineAsync(
        EngineOptions engine, string stateFolder, IEnumerable<Uri> urls, TextWriter output, CancellationToken cancel)
    {
        var machine = await MachineFacts.CollectAsync(cancel);
        var checkpoints = new CheckpointChecks(engine, ModelManifest.LoadDefault());
        IReadOnlyList<Finding> findings =
        [
            .. checkpoints.Run(),
            .. MachineChecks.Of(machine, engine, checkpoints.Weights, AdviceOf(machine, engine), stateFolder, urls),
        ];
        foreach (var finding in findings)
        {
            await output.WriteLineAsync(finding.ToString());
        }

        return findings.All(finding => finding.Level != FindingLevel.Missing);
    }

    /// <summary>Returns the plan for the GPU's memory; null without a GPU or configured checkpoints. Also null if the checkpoints cannot be
    /// read, which is reported as a separate finding.</summary>
    private static MemoryAdvice? AdviceOf(MachineFacts machine, EngineOptions engine)
    {
        try
        {
            return engine.Stage1.Count > 0 && MachineChecks.GpuOf(machine, engine) is { } gpu
                ? ModelFamilies.AdviseMemory(engine, gpu.FreeBytes)
                : null;
        }
        catch (CheckpointException)
        {
            return null;
        }
    }

    /// <summary>Returns the addresses that can be tested.</summary>
    private static IEnumerable<Uri> Addresses(string? urls) =>
        ListenOptions.Read(urls is { Length: > 0 } ? urls : YueHost.DefaultUrl).Select(url => url.Address).OfType<Uri>();

    /// <summary>Runs the self-check of the checkpoints.</summary>
    private sealed record DeepCheck(string? FiguresFile)
    {
        public async Task<bool> RunAsync(EngineOptions engine, TextWriter output, CancellationToken cancel)
        {
            if (engine.Stage1.Count == 0 && FiguresFile is null)
            {
                await output.WriteLineAsync(
                    "There are no published figures for the built-in demo model. Configure checkpoints to have their figures checked.");
                return true;
            }

            var agrees = true;
            try
            {
                foreach (var figure in Figures(engine))
                {
                    cancel.ThrowIfCancellationRequested();
                    agrees &= figure.Agrees;
                    var verdict = !figure.IsCompared ? "skipped" : figure.Agrees ? "agree" : "disagree";
                    await output.WriteLineAsync($"{verdict,-8} {figure.Name}: {figure.Text}");
                }
            }
            catch (CheckpointException fault)
            {
                await output.WriteLineAsync(Finding.Missing("figures", fault.Message, "name a file of figures with --figures").ToString());
                return false;
            }

            return agrees;
        }

        /// <summary>Returns the figures for the first checkpoint of each family, or for the built-in demo model if none is configured. A
        /// file of figures applies only to the first configured checkpoint, or to the demo model.</summary>
        private IEnumerable<SelfCheckLine> Figures(EngineOptions engine)
        {
            var first = engine.Stage1.Values.FirstOrDefault();
            var yue2 = engine.Stage1.Values.FirstOrDefault(IsYue2);
            IEnumerable<SelfCheckLine> lines = [];
            if (yue2 is null || engine.Stage1.Values.Any(folder => !IsYue2(folder)))
            {
                var own = yue2 is null || first != yue2 ? FiguresFile : null;
                lines = new CheckpointSelfCheck(
                    FilesOf(engine), own is null ? PublishedFigures.OfRealWeights() : PublishedFigures.Load(own)).Run();
            }

            if (yue2 is not null)
            {
                var own = first == yue2 ? FiguresFile : null;
                lines = lines.Concat(new Yue2SelfCheck(
                    yue2, own is null ? Yue2Figures.OfRealWeights() : Yue2Figures.Load(own)).Run());
            }

            return lines;
        }

        private static bool IsYue2(string folder) => ModelFamilies.FamilyOf(folder).Name == "yue2";

        private static SelfCheckFiles FilesOf(EngineOptions engine)
        {
            if (engine.Stage1.Values.FirstOrDefault(folder => !IsYue2(folder)) is { } stage1)
            {
                var tokenizer = engine.Tokenizer ?? Path.Combine(stage1, "tokenizer.model");
                return new(tokenizer, engine.Stage2!, engine.Codec!);
            }

            var demo = DemoModel.Folders;
            return new(Path.Combine(demo.Stage1, "tokenizer.model"), demo.Stage2, demo.Codec);
        }
    }
}
