using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Yue.Engine.Families.Yue1.Calibration;
using Yue.Engine.Families.Yue1.Demo;
using Yue.Engine.Scheduling;
using Yue.Engine.Weights;
using YueService.Downloads;
using YueService.Telemetry;

namespace YueService.CommandLine;

/// <summary>Runs a command on the models folder and reports errors in one line.</summary>
internal delegate Task<int> RunOnModels(
    ParseResult line, Func<ModelFolder, TextWriter, CancellationToken, Task<int>> run, CancellationToken cancel);

/// <summary><c>yue models quantize</c>: makes checkpoints with fewer bits per weight.</summary>
/// <param name="run">Runs the command.</param>
/// <param name="disks">The free space on the disks.</param>
internal sealed class QuantizeCommand(RunOnModels run, DiskSpace disks)
{
    private const int MaxSongs = 256;

    private readonly Argument<string> _name = new("NAME")
    {
        Description = "A profile that yue models list shows, or demo for the built-in model",
    };

    private readonly Option<int> _bits = new("--bits")
    {
        HelpName = "4|6",
        Description = "The number of bits per weight, without the scales",
        Required = true,
        CustomParser = result => (int)Number(result, "--bits", value => value is 4 or 6, "4 or 6"),
    };

    private readonly Option<int> _songs = new("--songs")
    {
        HelpName = "N",
        Description = "The number of songs that the model sings for calibration; 0 rounds each weight to the nearest value",
        CustomParser = result => (int)Number(result, "--songs", value => value is >= 0 and <= MaxSongs, $"a number from 0 to {MaxSongs}"),
        DefaultValueFactory = _ => 16,
    };

    private readonly Option<long> _seed = new("--seed")
    {
        HelpName = "N",
        Description = "The seed of the first song",
        CustomParser = result => Number(result, "--seed", _ => true, "a whole number"),
        DefaultValueFactory = _ => 1,
    };

    private readonly Option<string?> _output = new("--output")
    {
        HelpName = "FOLDER",
        Description = "The folder for the quantized checkpoints; by default, the same folder as --folder",
    };

    private readonly Option<string?> _lora = new("--lora")
    {
        HelpName = "FOLDER",
        Description = "A LoRA adapter to merge into stage 1 before it is quantized",
    };

    private readonly Option<string> _device = new("--device")
    {
        HelpName = "DEVICE",
        Description = "auto, cpu, cuda, or cuda with an index such as cuda:1",
        DefaultValueFactory = _ => "auto",
    };

    public Command Build()
    {
        var quantize = new Command(
            "quantize", "Makes checkpoints with 6.5 or 4.5 bits per weight from those of a profile; resumes an interrupted run")
        {
            _name, _bits, _songs, _seed, _output, _lora, _device,
        };
        quantize.SetAction((line, cancel) => run(line, (folder, output, stop) => RunAsync(line, folder, output, stop), cancel));
        return quantize;
    }

    private async Task<int> RunAsync(ParseResult line, ModelFolder folder, TextWriter output, CancellationToken stop)
    {
        var options = OptionsOf(line, folder);
        var error = line.InvocationConfiguration.Error;
        var target = Path.GetDirectoryName(options.Stage1.Target)!;
        var progress = new Progress();
        var view = ProgressViews.For(error);
        void CheckSpace(long needed) => disks.Require(target, needed, "written", "--output");
        var quantization = new Yue1Quantization(options, progress.Set, progress.Say, CheckSpace, stop);
        var work = Task.Run(quantization.Run, CancellationToken.None);
        await view.FollowAsync(progress.Line, work);
        await AwaitAsync(work);
        while (progress.TakeMessage() is { } message)
        {
            await output.WriteLineAsync(message);
        }

        await output.WriteLineAsync($"Both checkpoints are quantized to {options.Bits} bits. To use them, set:");
        await output.WriteLineAsync($"  YUE_STAGE1='{line.GetRequiredValue(_name)}={options.Stage1.Target}'");
        await output.WriteLineAsync($"  YUE_STAGE2='{options.Stage2.Target}'");
        await output.WriteLineAsync($"  YUE_CODEC='{CodecOf(folder, line.GetRequiredValue(_name))}'");
        return ExitCode.Success;
    }

    /// <summary>Returns the folder of the codec, which songs also need.</summary>
    private static string CodecOf(ModelFolder folder, string name) => name == DemoModel.Name
        ? DemoModel.Folders.Codec
        : Path.Combine(
            folder.Path, folder.Manifest.CheckpointsOf(name).First(checkpoint => checkpoint.Role == CheckpointRole.Codec).Folder);

    /// <summary>Awaits the work. A device that does not exist is reported as an error in the command line.</summary>
    private static async Task AwaitAsync(Task work)
    {
        try
        {
            await work;
        }
        catch (Exception e) when (e is NotSupportedException or InvalidOperationException)
        {
            throw new ModelsCommand.UsageException(e.Message);
        }
    }

    private Yue1QuantizationOptions OptionsOf(ParseResult line, ModelFolder folder)
    {
        var (name, bits) = (line.GetRequiredValue(_name), line.GetRequiredValue(_bits));
        var isDemo = name == DemoModel.Name;
        var (stage1, stage2) = isDemo ? (DemoModel.Folders.Stage1, DemoModel.Folders.Stage2) : SourcesOf(folder, name);
        var output = Path.GetFullPath(line.GetValue(_output) ?? folder.Path);
        if (File.Exists(output))
        {
            throw new ModelsCommand.UsageException($"{output} is a file; name a folder with --output.");
        }

        var (lora, device) = (line.GetValue(_lora), line.GetRequiredValue(_device));
        var adapter = lora is null ? "" : $"+{Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(lora)))}";
        return new Yue1QuantizationOptions
        {
            Stage1 = new(stage1, TargetOf(stage1, adapter)),
            Stage2 = new(stage2, TargetOf(stage2, "")),
            IsDemo = isDemo,
            Bits = bits,
            Songs = line.GetRequiredValue(_songs),
            Seed = line.GetRequiredValue(_seed),
            Lora = lora,
            Device = isDemo && device == "auto" ? "cpu" : device,
            CacheFolder = new EngineOptions().CacheFolder,
            Program = $"YueService {ServiceIdentity.Version}",
        };

        string TargetOf(string source, string lora) => Path.Combine(output, $"{Path.GetFileName(source)}{lora}-int{bits}");
    }

    private static (string Stage1, string Stage2) SourcesOf(ModelFolder folder, string profile)
    {
        if (!folder.Manifest.Profiles.ContainsKey(profile))
        {
            throw new ModelsCommand.UsageException(
                $"There is no profile '{profile}'; the profiles are {DemoModel.Name}, {string.Join(", ", folder.Manifest.Profiles.Keys)}.");
        }

        return (FolderOf(CheckpointRole.Stage1), FolderOf(CheckpointRole.Stage2));

        string FolderOf(CheckpointRole role)
        {
            var checkpoint = folder.Manifest.CheckpointsOf(profile).FirstOrDefault(one => one.Role == role)
                ?? throw new ModelsCommand.UsageException(
                    $"{profile} cannot be quantized beforehand: it has no {role} checkpoint. Only YuE 1 can be; "
                        + "Yue:Weights=int6 or int4 quantizes YuE 2 while it loads.");
            var path = Path.Combine(folder.Path, checkpoint.Folder);
            return Directory.Exists(path)
                ? path
                : throw new ModelsCommand.UsageException($"{path} does not exist. Fix: yue models pull {profile}");
        }
    }

    private static long Number(ArgumentResult result, string name, Func<long, bool> isValid, string expected)
    {
        var text = result.Tokens[0].Value;
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && isValid(number))
        {
            return number;
        }

        result.AddError($"{name} is '{text}'; write {expected}.");
        return 0;
    }

    /// <summary>The progress: written by the work, read by the view.</summary>
    private sealed class Progress
    {
        private readonly System.Collections.Concurrent.ConcurrentQueue<string> _messages = new();
        private volatile ProgressLine _line = new("starting", 0);

        public void Set(string step, double fraction) => _line = new ProgressLine(step, fraction);

        public void Say(string message) => _messages.Enqueue(message);

        public ProgressLine Line() => _line with { Notice = TakeMessage() };

        public string? TakeMessage() => _messages.TryDequeue(out var message) ? message : null;
    }
}
