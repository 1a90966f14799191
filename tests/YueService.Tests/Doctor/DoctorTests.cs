using System.Net;
using System.Net.Sockets;
using Xunit;
using Yue.Engine.Families.Yue1.Demo;
using Yue.Engine.Families.Yue1.SelfCheck;
using Yue.Engine.Residency;
using Yue.Engine.Scheduling;
using Yue.Engine.Tensors.Native;
using Yue.Engine.Weights;
using Yue.Testing;
using YueService.CommandLine;
using YueService.Doctor;
using YueService.Downloads;
using YueService.Tests.Fakes;

namespace YueService.Tests.Doctor;

public sealed class DoctorTests
{
    private const long Big = 10_000_000_000;
    private static readonly GpuFacts Gpu = new("NVIDIA H100", "570.1", 80L << 30, 60L << 30);
    private static readonly MachineFacts Complete = new()
    {
        HasCuda = true,
        Gpus = [Gpu],
        HostBytes = 64L << 30,
        HasFfmpeg = true,
        CanReadEveryClip = true,
    };

    [Fact]
    public void A_complete_machine_is_ok()
    {
        var findings = Check(Complete, "auto", weights: Big);
        Assert.NotEmpty(findings);
        Assert.All(findings, finding => Assert.Equal((FindingLevel.Ok, null), (finding.Level, finding.Fix)));
    }

    [Theory]
    [InlineData("auto", nameof(FindingLevel.Warning), "-p:Accelerator=cuda")]
    [InlineData("cuda:0", nameof(FindingLevel.Missing), "-p:Accelerator=cuda")]
    public void A_GPU_that_the_build_cannot_use_is_reported(string device, string level, string fix)
    {
        var finding = Check(Complete with { HasCuda = false }, device).Single(finding => finding.Area == "device");
        Assert.Equal(level, finding.Level.ToString());
        Assert.Contains(fix, finding.Fix, StringComparison.Ordinal);
    }

    [Fact]
    public void A_configured_GPU_that_does_not_exist_is_missing() => Assert.Equal(
        FindingLevel.Missing,
        Check(Complete with { HasCuda = false, Gpus = [] }, "cuda").Single(finding => finding.Area == "device").Level);

    [Theory]
    [InlineData("cpu", 15_000_000_000, nameof(FindingLevel.Ok))]           // f32 on the host: 60 GB of 68.7 GB
    [InlineData("cpu", 17_000_000_000, nameof(FindingLevel.Missing))]
    public void On_the_CPU_the_weights_must_fit_into_memory(string device, long weights, string level) =>
        Assert.Equal(level, Check(Complete, device, weights).Single(finding => finding.Area == "memory").Level.ToString());

    [Fact]
    public void On_a_GPU_the_plan_or_the_settings_that_would_fit_are_shown()
    {
        var options = new EngineOptions { Device = "auto" };
        options.Stage1.Add("en", "/no/such/folder");
        var unknown = MachineChecks.Of(Complete, options, weights: 0, advice: null, "/var/state", [])
            .Single(finding => finding.Area == "memory");
        Assert.Contains("of GPU memory is free; the required amount is unknown", unknown.Text, StringComparison.Ordinal);
        var fits = Check(Complete, "auto", Big, new() { Bytes = 50L << 30, Songs = 4 }).Single(finding => finding.Area == "memory");
        Assert.Equal(FindingLevel.Ok, fits.Level);
        Assert.Contains("planned for up to 4 songs at once", fits.Text, StringComparison.Ordinal);
        var smaller = Check(Complete, "auto", Big, new() { Bytes = 5L << 30, Songs = 1, OnHost = "embeddings stay in host memory" })
            .Single(finding => finding.Area == "memory");
        Assert.EndsWith("planned for one song at a time; embeddings stay in host memory", smaller.Text, StringComparison.Ordinal);
        var onGpu = Check(Complete, "auto", Big, new() { Songs = 1, OnHost = "one part is elsewhere", Settings = "YUE_WEIGHTS=int4" })
            .Single(finding => finding.Area == "memory");
        Assert.EndsWith(
            "; one part is elsewhere; YUE_WEIGHTS=int4 would keep everything on the GPU", onGpu.Text, StringComparison.Ordinal);
        var refused = new MemoryAdvice { Refusal = "too large", Settings = "YUE_WEIGHTS=int8" };
        var finding = Check(Complete, "auto", Big, refused).Single(finding => finding.Area == "memory");
        Assert.Equal((FindingLevel.Missing, "YUE_WEIGHTS=int8 yue serve"), (finding.Level, finding.Fix));
        Assert.Contains("too large", finding.Text, StringComparison.Ordinal);
        finding = Check(Complete, "auto", Big, refused with { Settings = null }).Single(finding => finding.Area == "memory");
        Assert.Contains("more memory", finding.Fix, StringComparison.Ordinal);
    }

    [Fact]
    public void Everything_that_a_bare_machine_lacks_is_reported_with_its_fix()
    {
        var findings = Check(
            new MachineFacts
            {
                TorchFault = "GLIBCXX_3.4.32 not found",
                HostBytes = 1,
                CanListen = _ => false,
                FolderFault = _ => "read-only",
            },
            "auto", Big);
        Assert.Equal(
            [
                ("libtorch", FindingLevel.Missing), ("device", FindingLevel.Ok), ("memory", FindingLevel.Missing),
                ("ffmpeg", FindingLevel.Warning), ("state", FindingLevel.Missing), ("port", FindingLevel.Warning),
            ],
            findings.Select(finding => (finding.Area, finding.Level)));
        Assert.All(findings.Where(finding => finding.Level != FindingLevel.Ok), finding => Assert.NotEmpty(finding.Fix!));
    }

    [Fact]
    public void If_an_installed_libtorch_is_not_found_the_fix_names_LD_LIBRARY_PATH()
    {
        var findings = Check(Complete with { TorchFault = TorchNativeLibrary.NotFound }, "auto", Big);
        var finding = findings.Single(finding => finding.Area == "libtorch");
        Assert.Equal(FindingLevel.Missing, finding.Level);
        Assert.Contains("LD_LIBRARY_PATH", finding.Fix, StringComparison.Ordinal);
    }

    [Fact]
    public void The_output_of_the_driver_is_parsed()
    {
        var gpus = MachineFacts.ReadDriver("NVIDIA H100 80GB HBM3, 570.124.06, 81559, 81079\nTesla T4, 535.1, 15360, [N/A]\nnoise\n");
        Assert.Equal(
            [new("NVIDIA H100 80GB HBM3", "570.124.06", 81559L << 20, 81079L << 20), new("Tesla T4", "535.1", 15360L << 20, 0)], gpus);
    }

    [Fact]
    public async Task The_demo_model_has_no_published_figures_and_a_port_in_use_is_a_warning()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var command = new Command();
        var exitCode = await command.RunAsync("doctor", "--deep", "--urls", $"http://127.0.0.1:{((IPEndPoint)other.LocalEndpoint).Port}");
        var output = command.Output.ToString();
        Assert.True(exitCode == ExitCode.Success, output);
        Assert.Contains("ok       libtorch: ", output, StringComparison.Ordinal);
        Assert.Contains("warning  port: ", output, StringComparison.Ordinal);
        Assert.Contains("warning  checkpoints: none are configured", output, StringComparison.Ordinal);
        Assert.Contains("fix: yue models pull en-cot", output, StringComparison.Ordinal);
        Assert.Contains("no published figures for the built-in demo model", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_state_folder_that_cannot_be_created_is_reported()
    {
        using var folder = new TemporaryFolder();
        var command = new Command();
        await command.RunAsync("doctor", $"--Yue:StateFolder={folder["a/b"]}");
        Assert.Contains(
            $"ok       state: jobs and their songs can be stored in {folder["a/b"]}", command.Output.ToString(), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));

        Assert.Equal(ExitCode.Failure, await command.RunAsync("doctor", "--Yue:StateFolder=/proc/yue"));
        Assert.Contains("missing  state: /proc/yue cannot be written", command.Output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Invalid_settings_are_reported_as_a_finding()
    {
        var command = new Command();
        Assert.Equal(ExitCode.Failure, await command.RunAsync("doctor", "--stage2", "/no/such/folder"));
        Assert.Contains("missing  settings: Yue:Stage2 is set but Yue:Stage1 is not", command.Output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Configured_checkpoints_are_read_and_a_damaged_one_is_reported()
    {
        var demo = DemoModel.Folders;
        using var folder = new TemporaryFolder();
        var (whole, output) = await ExamineAsync(demo.Stage1, demo.Stage2, demo.Codec);
        Assert.True(whole == ExitCode.Success, output);
        Assert.Contains("ok       stage 1 (en): ", output, StringComparison.Ordinal);

        // The checkpoint is readable, but its folder has the name of a larger checkpoint in the manifest.
        Assert.Contains("warning  codec and vocoders: ", output, StringComparison.Ordinal);
        Assert.Contains("expected 1360444883", output, StringComparison.Ordinal);

        File.WriteAllText(folder["config.json"], "{}");
        var (damaged, report) = await ExamineAsync(demo.Stage1, folder.Path, demo.Codec);
        Assert.Equal(ExitCode.Failure, damaged);
        Assert.Contains($"missing  stage 2: {folder["config.json"]}: ", report, StringComparison.Ordinal);
        Assert.Contains("fix: yue models pull", report, StringComparison.Ordinal);
    }

    /// <remarks>The doctor counts weights instead of stored bytes, because every weight takes four bytes on the CPU.</remarks>
    [Fact]
    public async Task The_weights_of_quantized_checkpoints_are_counted()
    {
        using var folder = new TemporaryFolder();
        var quantize = new Command();
        Assert.Equal(
            ExitCode.Success,
            await quantize.RunAsync("models", "quantize", "demo", "--bits", "4", "--songs", "0", "--output", folder.Path));
        var demo = DemoModel.Folders;
        var (_, output) = await ExamineAsync(folder["YuE-s1-demo-int4"], folder["YuE-s2-demo-int4"], demo.Codec);
        foreach (var (area, original) in new[] { ("stage 1 (en)", demo.Stage1), ("stage 2", demo.Stage2) })
        {
            // A quantized checkpoint has its own output head. The original uses its embedding as the head.
            using var checkpoint = SafetensorsCheckpoint.Open(original);
            var sizes = checkpoint.Tensors.ToDictionary(
                tensor => tensor.Key, tensor => tensor.Value.Shape.Aggregate(1L, (product, size) => product * size));
            var weights = sizes.Values.Sum() + sizes["model.embed_tokens.weight"];
            Assert.Contains($"ok       {area}: {weights:N0} weights in ", output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_partial_file_is_reported_with_the_expected_size()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["YuE-s1-7B-anneal-en-cot"]);
        File.WriteAllText(Path.Combine(folder["YuE-s1-7B-anneal-en-cot"], "tokenizer.model"), "half");
        var demo = DemoModel.Folders;
        var (exitCode, output) = await ExamineAsync(folder["YuE-s1-7B-anneal-en-cot"], demo.Stage2, demo.Codec);
        Assert.Equal(ExitCode.Failure, exitCode);
        Assert.Contains("tokenizer.model has 4 bytes, expected 1761962", output, StringComparison.Ordinal);
        Assert.Contains("fix: yue models pull en-cot", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Figures_of_other_checkpoints_are_checked_and_disagree()
    {
        using var folder = new TemporaryFolder();
        await WriteFiguresAsync(folder["figures.json"]);

        // The resampler and the recipe clips do not depend on a checkpoint, so they match. The demo model's codes do not match.
        var command = new Command();
        Assert.Equal(ExitCode.Failure, await command.RunAsync("doctor", "--deep", "--figures", folder["figures.json"]));
        var output = command.Output.ToString();
        Assert.Contains("agree    resampler: first values", output, StringComparison.Ordinal);
        Assert.Contains("agree    recipe clip: vocal", output, StringComparison.Ordinal);
        Assert.Contains("disagree stage 2: a chunk of 40 frames", output, StringComparison.Ordinal);
        Assert.Equal(
            24, output.Split('\n').Count(line => line.StartsWith("agree", StringComparison.Ordinal) || line.StartsWith(
                "disagree", StringComparison.Ordinal)));

        Assert.Equal(ExitCode.Failure, await command.RunAsync("doctor", "--deep", "--figures", folder["none.json"]));
    }

    [Fact]
    public async Task A_cancelled_check_ends_with_the_exit_code_for_cancellation()
    {
        using var folder = new TemporaryFolder();
        await WriteFiguresAsync(folder["figures.json"]);
        var (command, cancelled) = (new Command(), new CancellationToken(canceled: true));
        Assert.Equal(
            ExitCode.Cancelled, await command.RunUntilAsync(cancelled, "doctor", "--deep", "--figures", folder["figures.json"]));
        Assert.Equal("Cancelled: the remaining checks were not run.\n", command.Error.ToString());
    }

    private static async Task WriteFiguresAsync(string path)
    {
        using var published = typeof(PublishedFigures).Assembly.GetManifestResourceStream("published-figures.json")!;
        await using var copy = File.Create(path);
        await published.CopyToAsync(copy, TestContext.Current.CancellationToken);
    }

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(999, "999 B")]
    [InlineData(4_920_000_000, "4.92 GB")]
    [InlineData(99_960, "100 kB")]
    [InlineData(999_499_999, "999 MB")]
    [InlineData(999_600_000, "1.00 GB")]
    public void Bytes_are_shown_with_three_digits(long bytes, string text) => Assert.Equal(text, ByteText.Of(bytes));

    private static async Task<(int ExitCode, string Output)> ExamineAsync(string stage1, string stage2, string codec)
    {
        var command = new Command();
        var exitCode = await command.RunAsync("doctor", "--stage1", $"en={stage1}", "--stage2", stage2, "--codec", codec);
        return (exitCode, command.Output.ToString());
    }

    private static List<Finding> Check(MachineFacts machine, string device, long weights = 0, MemoryAdvice? advice = null)
    {
        var options = new EngineOptions { Device = device };
        if (advice is not null)
        {
            options.Stage1.Add("en", "/models/en");
        }

        return [.. MachineChecks.Of(machine, options, weights, advice, "/var/state", [new Uri("http://127.0.0.1:2008")])];
    }
}
