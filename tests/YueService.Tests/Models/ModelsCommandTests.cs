using System.Text.Json.Nodes;
using Xunit;
using Yue.Engine.Weights;
using Yue.Testing;
using YueService.CommandLine;
using YueService.Downloads;
using YueService.Tests.EndToEnd;
using YueService.Tests.Fakes;

namespace YueService.Tests.Models;

/// <summary>Tests the command <c>yue models</c> with a local hub.</summary>
public sealed class ModelsCommandTests : IAsyncLifetime
{
    private const string Revision = "0123456789abcdef0123456789abcdef01234567";
    private readonly TemporaryFolder _folder = new();
    private readonly Dictionary<string, byte[]> _contents = new(StringComparer.Ordinal)
    {
        ["s1/config.json"] = "{}"u8.ToArray(),
        ["s1/model.safetensors"] = new byte[3_000],
        ["s2/model.safetensors"] = new byte[2_000],
        ["codec/final_ckpt/ckpt.pth"] = new byte[1_000],
        ["codec/decoders/vocal.pth"] = new byte[500],
    };

    private FakeHub _hub = null!;

    public async ValueTask InitializeAsync()
    {
        _hub = await FakeHub.StartAsync();
        foreach (var (name, content) in _contents)
        {
            new Random(content.Length).NextBytes(content);
            _hub.Files[OnHub(name)] = content;
        }

        File.WriteAllText(_folder["models.json"], Manifest(("s1/config.json", false), ("s1/model.safetensors", true)));
    }

    public async ValueTask DisposeAsync()
    {
        await _hub.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_pull_downloads_a_profile_and_prints_the_settings()
    {
        var (exitCode, output, error) = await RunAsync("pull", "en-cot");
        Assert.Equal(ExitCode.Success, exitCode);

        Assert.All(
            error.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => Assert.Contains("B/s", line, StringComparison.Ordinal));
        Assert.Contains("s1/model.safetensors: 3.00 kB, checked\n", output, StringComparison.Ordinal);
        foreach (var (name, content) in _contents)
        {
            Assert.Equal(content, File.ReadAllBytes(InModels(name)));
        }

        Assert.Contains($"YUE_STAGE1='en-cot={InModels("s1")}'\n", output, StringComparison.Ordinal);
        Assert.Contains($"YUE_STAGE2='{InModels("s2")}'\n", output, StringComparison.Ordinal);
        Assert.Contains($"YUE_CODEC='{InModels("codec")}'\n", output, StringComparison.Ordinal);
        var locked = ModelLock.Read(_folder["models"]).Find("s1/config.json", Revision);
        Assert.Equal(new LockedFile(Revision, 2, FakeHub.Sha256(_contents["s1/config.json"])), locked);

        var before = _hub.Requests.Count;
        Assert.Equal(ExitCode.Success, (await RunAsync("pull", "en-cot")).ExitCode);
        Assert.Equal(before, _hub.Requests.Count);
    }

    [Fact]
    public async Task The_codec_and_the_vocoders_can_be_pulled_alone()
    {
        var (exitCode, output, _) = await RunAsync("pull", "xcodec");
        Assert.Equal(ExitCode.Success, exitCode);
        Assert.Equal(_contents.Keys.Where(name => name.StartsWith("codec/", StringComparison.Ordinal)), _contents.Keys.Where(IsPulled));
        Assert.EndsWith(
            "All files are installed and verified. To make songs, also pull one of these profiles: en-cot.\n",
            output,
            StringComparison.Ordinal);
        Assert.DoesNotContain("YUE_", output, StringComparison.Ordinal);

        // No file of the song model of en-cot is installed, so verify checks only the two files of xcodec.
        Assert.Contains("2 of 5 files", (await RunAsync("list")).Output, StringComparison.Ordinal);
        var (verified, report, _) = await RunAsync("verify");
        Assert.Equal(ExitCode.Success, verified);
        Assert.Equal(2, report.Split('\n').Count(line => line.StartsWith("ok ", StringComparison.Ordinal)));
        Assert.DoesNotContain("s1/", report, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Later_pulls_must_match_the_hashes_that_the_first_one_recorded()
    {
        await RunAsync("pull", "en-cot");
        File.Delete(InModels("s1/config.json"));
        _hub.Files[OnHub("s1/config.json")] = "[]"u8.ToArray();
        var (exitCode, _, error) = await RunAsync("pull", "en-cot");
        Assert.Equal(ExitCode.Failure, exitCode);
        Assert.Contains($"instead of {FakeHub.Sha256(_contents["s1/config.json"])}", error, StringComparison.Ordinal);
        Assert.False(File.Exists(InModels("s1/config.json")));
    }

    [Fact]
    public async Task A_file_that_was_copied_is_kept_if_correct_and_replaced_if_wrong()
    {
        Directory.CreateDirectory(InModels("s1"));
        File.WriteAllBytes(InModels("s1/model.safetensors"), _contents["s1/model.safetensors"]);
        File.WriteAllBytes(InModels("s1/config.json"), "xx"u8.ToArray());
        Assert.Equal(ExitCode.Success, (await RunAsync("pull", "en-cot")).ExitCode);
        Assert.DoesNotContain(_hub.Requests, request => request.Path == OnHub("s1/model.safetensors"));
        Assert.Equal(_contents["s1/config.json"], File.ReadAllBytes(InModels("s1/config.json")));
    }

    [Fact]
    public async Task Verify_names_missing_and_wrong_files()
    {
        var (nothing, _, _) = await RunAsync("verify");
        Assert.Equal(ExitCode.Failure, nothing);
        await RunAsync("pull", "en-cot");
        var (whole, report, _) = await RunAsync("verify");
        Assert.Equal(ExitCode.Success, whole);
        Assert.Contains("ok       s2/model.safetensors: 2.00 kB", report, StringComparison.Ordinal);

        File.Delete(InModels("codec/decoders/vocal.pth"));
        var damaged = File.ReadAllBytes(InModels("s2/model.safetensors"));
        damaged[7] ^= 1;
        File.WriteAllBytes(InModels("s2/model.safetensors"), damaged);
        File.WriteAllBytes(InModels("s1/config.json"), "{ }"u8.ToArray());
        var (exitCode, output, _) = await RunAsync("verify", "en-cot");
        Assert.Equal(ExitCode.Failure, exitCode);
        Assert.Contains("missing  codec/decoders/vocal.pth", output, StringComparison.Ordinal);
        Assert.Contains("wrong    s2/model.safetensors: sha256", output, StringComparison.Ordinal);
        Assert.Contains("wrong    s1/config.json: 3 bytes, expected 2", output, StringComparison.Ordinal);
        Assert.Contains("ok       s1/model.safetensors", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_counts_the_installed_files()
    {
        Assert.Contains("0 of 5 files", (await RunAsync("list")).Output, StringComparison.Ordinal);
        await RunAsync("pull", "en-cot");
        var (exitCode, output, _) = await RunAsync("list");
        Assert.Equal(ExitCode.Success, exitCode);
        Assert.Contains("en-cot", output, StringComparison.Ordinal);
        Assert.Contains("5 of 5 files", output, StringComparison.Ordinal);
        Assert.Contains("a license note", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_shows_the_license_of_every_checkpoint()
    {
        var file = Path.Combine(DemoProcess.Repository, "models.json");
        var command = new Command();
        await command.RunAsync("models", "list", "--folder", _folder["models"], "--manifest", file);
        var lines = command.Output.ToString().Split('\n');
        Assert.All(
            ModelManifest.Load(file).Checkpoints.Values,
            checkpoint => Assert.Contains(
                lines,
                line => line.StartsWith($"  {checkpoint.Licence}: ", StringComparison.Ordinal)
                    && line.Contains(checkpoint.Repository, StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("pull", "fr-cot")]
    [InlineData("verify", "fr-cot")]
    [InlineData("pull", "en-cot", "--mirror", "ftp://x")]
    [InlineData("pull")]
    public async Task Invalid_arguments_are_a_usage_error(params string[] args)
    {
        var (exitCode, _, error) = await RunAsync(args);
        Assert.Equal(ExitCode.Usage, exitCode);
        Assert.NotEqual("", error);
        Assert.Empty(_hub.Requests);
    }

    [Fact]
    public async Task A_license_with_terms_is_shown_and_has_to_be_accepted()
    {
        var manifest = File.ReadAllText(_folder["models.json"])
            .Replace("\"folder\": \"s1\"", "\"terms\": \"For friends only.\", \"folder\": \"s1\"", StringComparison.Ordinal);
        File.WriteAllText(_folder["models.json"], manifest);
        var (exitCode, output, error) = await RunAsync("pull", "en-cot");
        Assert.Equal(ExitCode.Usage, exitCode);
        Assert.Contains("For friends only.", output, StringComparison.Ordinal);
        Assert.Contains("--accept-licence", error, StringComparison.Ordinal);
        Assert.Empty(_hub.Requests);

        Assert.Equal(ExitCode.Success, (await RunAsync("pull", "en-cot", "--accept-licence")).ExitCode);
        var again = await RunAsync("pull", "en-cot");
        Assert.Equal(ExitCode.Success, again.ExitCode);
        Assert.DoesNotContain("For friends only.", again.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("yes\n", true)]
    [InlineData(" YES", true)]
    [InlineData("y\n", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public async Task Only_the_answer_yes_accepts_a_license(string? answer, bool accepted)
    {
        var manifest = ModelManifest.LoadDefault();
        using var output = new StringWriter();
        using var input = answer is null ? null : new StringReader(answer);
        var consent = new LicenceConsent(manifest, input, output);
        Assert.Equal(accepted, await consent.AskAsync(manifest.CheckpointsOf("yue2"), isAccepted: false));
        Assert.True(await consent.AskAsync(manifest.CheckpointsOf("en-cot"), isAccepted: false));
        Assert.Contains("CC-BY-NC-4.0", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("https://huggingface.co/m-a-p/YuE2-3B", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("companies", manifest.Licences[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Insufficient_disk_space_is_reported_before_the_download()
    {
        var folder = new ModelFolder(_folder["models"], ModelManifest.Load(_folder["models.json"]));
        using var hub = new HubClient(_hub.Address, null, new DownloadSettings());
        var pull = new ModelPull(
            folder, hub, new DownloadSettings(), (_, pulling) => pulling, TextWriter.Null, _ => (1L << 30) + 6_000);
        var fault = await Assert.ThrowsAsync<IOException>(() => pull.RunAsync("en-cot", TestContext.Current.CancellationToken));
        Assert.Contains("6.50 kB will be downloaded", fault.Message, StringComparison.Ordinal);
        Assert.Empty(_hub.Requests);
    }

    [Fact]
    public void The_shipped_manifest_is_valid_and_pins_everything_that_can_be_pinned()
    {
        var manifest = ModelManifest.LoadDefault();
        Assert.Equal(
            ["en-cot", "en-icl", "jp-kr-cot", "jp-kr-icl", "xcodec", "yue2", "zh-cot", "zh-icl"],
            manifest.Profiles.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(
            [CheckpointRole.Codec, CheckpointRole.Vocoders], manifest.CheckpointsOf("xcodec").Select(checkpoint => checkpoint.Role));
        Assert.Equal([CheckpointRole.Yue2, CheckpointRole.Vae], manifest.CheckpointsOf("yue2").Select(checkpoint => checkpoint.Role));
        Assert.Equal(
            7_261_441_640 + 530_512_720,
            manifest.CheckpointsOf("yue2").Sum(checkpoint => checkpoint.Files.Single(file => file.Path == "model.safetensors").Size));
        Assert.All(manifest.CheckpointsOf("yue2"), checkpoint => Assert.NotNull(checkpoint.Terms));
        foreach (var profile in manifest.Profiles.Keys.Where(name => manifest.IsWhole(name) && name != "yue2"))
        {
            Assert.Equal(
                [CheckpointRole.Stage1, CheckpointRole.Stage2, CheckpointRole.Codec, CheckpointRole.Vocoders],
                manifest.CheckpointsOf(profile).Select(checkpoint => checkpoint.Role));
            Assert.InRange(
                manifest.CheckpointsOf(profile).SelectMany(checkpoint => checkpoint.Files).Sum(file => file.ExpectedBytes),
                17_000_000_000,
                19_000_000_000);
        }

        var codec = manifest.Checkpoints["codec"].Files.Single(file => file.Path.EndsWith(".pth", StringComparison.Ordinal));
        Assert.Equal((1_360_444_883L, "c8c379ea2d3cbde1c8ba1b9717975220e79ba3f556bb161766fd5e4585dcd59c"), (codec.Size, codec.Sha256));
        Assert.DoesNotContain(
            manifest.Checkpoints.Values.SelectMany(checkpoint => checkpoint.Files),
            file => file.Path.EndsWith("pytorch_model.bin", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("\"path\": \"config.json\"", "\"path\": \"../config.json\"")]
    [InlineData("\"path\": \"config.json\"", "\"path\": \"/etc/config.json\"")]
    [InlineData("\"folder\": \"s1\"", "\"folder\": \"..\"")]
    [InlineData("\"folder\": \"s1\"", "\"folder\": null")]
    [InlineData(Revision, "main")]
    [InlineData("\"size\": 3000", "\"size\": 0")]
    [InlineData("\"role\": \"stage2\"", "\"role\": \"stage3\"")]
    [InlineData("\"licences\"", "\"lisences\"")]
    [InlineData("\"codec\",\n      \"vocoders\"\n    ],", "\"codec\"\n    ],")]
    public void An_invalid_manifest_is_refused(string original, string replacement)
    {
        var text = File.ReadAllText(_folder["models.json"]);
        Assert.Contains(original, text, StringComparison.Ordinal);
        File.WriteAllText(_folder["models.json"], text.Replace(original, replacement, StringComparison.Ordinal));
        Assert.Throws<CheckpointException>(() => ModelManifest.Load(_folder["models.json"]));
    }

    private bool IsPulled(string name) => File.Exists(InModels(name));

    private static string OnHub(string name) =>
        $"/o/{name.Split('/')[0]}/resolve/{Revision}/{name[(name.IndexOf('/', StringComparison.Ordinal) + 1)..]}";

    private string InModels(string name) => Path.Combine(_folder["models"], name);

    private async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] args)
    {
        var command = new Command();
        string[] mirror = args[0] == "pull" && !args.Contains("--mirror") ? ["--mirror", _hub.Address.ToString()] : [];
        var exitCode = await command.RunAsync(
            ["models", .. args, "--folder", _folder["models"], "--manifest", _folder["models.json"], .. mirror]);
        return (exitCode, command.Output.ToString(), command.Error.ToString());
    }

    private string Manifest(params (string Name, bool IsKnown)[] stage1) => new JsonObject
    {
        ["hub"] = "https://hub.invalid",
        ["licences"] = new JsonArray("a license note"),
        ["checkpoints"] = new JsonObject
        {
            ["stage1-en"] = Checkpoint("stage1", "s1", stage1),
            ["stage2"] = Checkpoint("stage2", "s2", ("s2/model.safetensors", true)),
            ["codec"] = Checkpoint("codec", "codec", ("codec/final_ckpt/ckpt.pth", false)),
            ["vocoders"] = Checkpoint("vocoders", "codec", ("codec/decoders/vocal.pth", true)),
        },
        ["profiles"] = new JsonObject
        {
            ["en-cot"] = new JsonArray("stage1-en", "stage2", "codec", "vocoders"),
            ["xcodec"] = new JsonArray("codec", "vocoders"),
        },
    }.ToJsonString(new() { WriteIndented = true });

    private JsonObject Checkpoint(string role, string folder, params (string Name, bool IsKnown)[] files)
    {
        var checkpoint = new JsonObject
        {
            ["role"] = role,
            ["about"] = "test",
            ["repository"] = $"o/{folder}",
            ["revision"] = Revision,
            ["folder"] = folder,
            ["licence"] = "none",
            ["files"] = new JsonArray([.. files.Select(file => (JsonNode)Entry(file.Name, file.IsKnown))]),
        };
        if (role == "stage1")
        {
            checkpoint["model"] = "en-cot";
        }

        return checkpoint;
    }

    private JsonObject Entry(string name, bool isKnown)
    {
        var content = _contents[name];
        var entry = new JsonObject { ["path"] = name[(name.IndexOf('/', StringComparison.Ordinal) + 1)..] };
        if (isKnown)
        {
            (entry["size"], entry["sha256"]) = (content.Length, FakeHub.Sha256(content));
        }
        else
        {
            entry["about_bytes"] = content.Length;
        }

        return entry;
    }
}
