using Yue.Engine.Residency;
using Yue.Engine.Scheduling;
using Yue.Engine.Tensors.Native;
using YueService.Downloads;

namespace YueService.Doctor;

/// <summary>Compares a machine with the requirements of the settings.</summary>
internal static class MachineChecks
{
    private const string Torch = "libtorch";

    // The memory that a run on the CPU needs in addition to the weights: the key-value cache, the codec's workspace and the program itself.
    private const long WorkBytes = 3L << 30;

    /// <summary>Returns the findings about everything except the checkpoints.</summary>
    /// <param name="machine">The facts about the machine.</param>
    /// <param name="options">The settings.</param>
    /// <param name="weights">The number of weights of the checkpoints; 0 if they could not be read.</param>
    /// <param name="advice">The plan for the GPU's memory; null if there is no GPU or the checkpoints cannot be read.</param>
    /// <param name="stateFolder">The folder for jobs.</param>
    /// <param name="urls">The addresses of the service.</param>
    public static IEnumerable<Finding> Of(
        MachineFacts machine, EngineOptions options, long weights, MemoryAdvice? advice, string stateFolder, IEnumerable<Uri> urls) =>
    [
        Library(machine),
        Device(machine, options),
        Memory(machine, options, weights, advice),
        Ffmpeg(machine),
        State(machine, stateFolder),
        .. urls.Select(url => Port(machine, url)),
    ];

    /// <summary>Returns the GPU that the settings select; null if the service runs on the CPU.</summary>
    public static GpuFacts? GpuOf(MachineFacts machine, EngineOptions options) =>
        machine.HasCuda && options.Device != "cpu" ? machine.Gpus.ElementAtOrDefault(IndexOf(options.Device)) : null;

    private static Finding Library(MachineFacts machine) => machine.TorchFault switch
    {
        null => Finding.Ok(Torch, "the native library works"),
        TorchNativeLibrary.NotFound =>
            Finding.Missing(Torch, TorchNativeLibrary.NotFound, "export LD_LIBRARY_PATH=FOLDER/torch/lib"),
        var fault => Finding.Missing(Torch, $"the native library does not load: {fault}", "sudo apt-get install libstdc++6 libgomp1"),
    };

    private static Finding Device(MachineFacts machine, EngineOptions options)
    {
        var gpu = machine.Gpus.Count > 0 ? $"{machine.Gpus[0].Name}, driver {machine.Gpus[0].Driver}" : null;
        var wantsCuda = options.Device.StartsWith("cuda", StringComparison.Ordinal);
        return (machine.HasCuda, gpu, wantsCuda) switch
        {
            (true, _, _) when options.Device == "cpu" =>
                Finding.Warning("device", $"cpu is configured, but there is {gpu ?? "a GPU"}", "yue serve --device auto"),
            (true, _, _) => Finding.Ok("device", gpu ?? "a GPU"),
            (false, not null, true) =>
                Finding.Missing("device", $"{gpu} is installed, but this build cannot use it", "dotnet publish -p:Accelerator=cuda"),
            (false, null, true) =>
                Finding.Missing(
                    "device", $"{options.Device} is configured, but nvidia-smi shows no GPU",
                    "sudo apt-get install nvidia-driver, or yue serve --device cpu"),
            (false, not null, false) when options.Device == "auto" =>
                Finding.Warning("device", $"{gpu} is installed, but this build cannot use it", "dotnet publish -p:Accelerator=cuda"),
            _ when options.Stage1.Count > 0 =>
                Finding.Warning(
                    "device", $"cpu, {Environment.ProcessorCount} cores: making a song with the real models takes many times its length",
                    "run on a machine with an NVIDIA GPU"),
            _ => Finding.Ok("device", $"cpu, {Environment.ProcessorCount} cores"),
        };
    }

    private static Finding Memory(MachineFacts machine, EngineOptions options, long weights, MemoryAdvice? advice) =>
        GpuOf(machine, options) is { } gpu && options.Stage1.Count > 0 ? MemoryOf(gpu, advice) : MemoryOfHost(machine, options, weights);

    private static Finding MemoryOf(GpuFacts gpu, MemoryAdvice? advice)
    {
        var free = $"{ByteText.Of(gpu.FreeBytes)} of GPU memory is free";
        return advice switch
        {
            null => Finding.Ok("memory", $"{free}; the required amount is unknown"),
            { Refusal: null } =>
                Finding.Ok(
                    "memory",
                    $"{free}; {ByteText.Of(advice.Bytes)} is planned for "
                        + (advice.Songs == 1 ? "one song at a time" : $"up to {advice.Songs} songs at once")
                        + (advice.OnHost is null ? "" : $"; {advice.OnHost}")
                        + (advice.Settings is null ? "" : $"; {advice.Settings} would keep everything on the GPU")),
            { Settings: { } settings } => Finding.Missing("memory", $"{free}: {advice.Refusal}", $"{settings} yue serve"),
            _ => Finding.Missing("memory", $"{free}: {advice.Refusal}", "use a device with more memory"),
        };
    }

    private static Finding MemoryOfHost(MachineFacts machine, EngineOptions options, long weights)
    {
        var needed = weights == 0 ? 0 : (weights * sizeof(float)) + WorkBytes;
        var text = $"{ByteText.Of(machine.HostBytes)} of memory is available; "
            + (weights > 0 ? $"about {ByteText.Of(needed)} is needed"
                : options.Stage1.Count > 0 ? "the required amount is unknown"
                : "the demo model needs little");
        return needed <= machine.HostBytes
            ? Finding.Ok("memory", text)
            : Finding.Missing("memory", text, "configure fewer stage-1 checkpoints, or use a machine with more memory");
    }

    private static Finding Ffmpeg(MachineFacts machine) => (machine.HasFfmpeg, machine.CanReadEveryClip) switch
    {
        (true, true) => Finding.Ok("ffmpeg", "flac and mp3 can be written, and all reference clips can be read"),
        (true, false) =>
            Finding.Warning(
                "ffmpeg", "ffprobe was not found: reference clips in flac and m4a cannot be read", "sudo apt-get install ffmpeg"),
        _ => Finding.Warning(
            "ffmpeg", "not found: only wav can be written, and reference clips in flac and m4a cannot be read",
            "sudo apt-get install ffmpeg"),
    };

    private static Finding State(MachineFacts machine, string folder) => machine.FolderFault(folder) is { } fault
        ? Finding.Missing(
            "state", $"{folder} cannot be written to, so no jobs can be stored: {fault}",
            "yue serve --Yue:StateFolder=FOLDER, or give this user write access")
        : Finding.Ok("state", $"jobs and their songs can be stored in {folder}");

    private static Finding Port(MachineFacts machine, Uri url) => machine.CanListen(url)
        ? Finding.Ok("port", $"{url} is free")
        : Finding.Warning(
            "port", $"{url} is in use, perhaps by a running yue", "systemctl --user status yue, or yue serve --urls http://127.0.0.1:2009");

    private static int IndexOf(string device) =>
        device.IndexOf(':', StringComparison.Ordinal) is var colon and > 0 && int.TryParse(device.AsSpan(colon + 1), out var index)
            ? index
            : 0;
}
