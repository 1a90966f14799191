using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using TorchSharp;
using Yue.Engine.Audio;
using Yue.Engine.Tensors.Native;

namespace YueService.Doctor;

/// <summary>An NVIDIA GPU as its driver describes it.</summary>
internal sealed record GpuFacts(string Name, string Driver, long TotalBytes, long FreeBytes);

/// <summary>The facts about this machine, collected once.</summary>
internal sealed record MachineFacts
{
    private static readonly TimeSpan DriverTimeout = TimeSpan.FromSeconds(20);

    /// <summary>The reason why TorchSharp's native library does not load or work; null if it works.</summary>
    public string? TorchFault { get; init; }

    /// <summary>True if the native library can use a GPU here.</summary>
    public bool HasCuda { get; init; }

    public IReadOnlyList<GpuFacts> Gpus { get; init; } = [];

    /// <summary>The memory that this process can use, in bytes.</summary>
    public long HostBytes { get; init; }

    public bool HasFfmpeg { get; init; }

    /// <summary>True if reference clips in flac and m4a can be read, which also needs ffprobe.</summary>
    public bool CanReadEveryClip { get; init; }

    /// <summary>Returns whether the service can listen on an address.</summary>
    public Func<Uri, bool> CanListen { get; init; } = _ => true;

    /// <summary>Returns the reason why a folder cannot be created or written to; null if it can.</summary>
    public Func<string, string?> FolderFault { get; init; } = _ => null;

    /// <summary>Collects the facts about the machine.</summary>
    public static async Task<MachineFacts> CollectAsync(CancellationToken cancel)
    {
        var fault = TryTorch();
        return new MachineFacts
        {
            TorchFault = fault,
            HasCuda = fault is null && torch.cuda.is_available(),
            Gpus = await QueryDriverAsync(cancel),
            HostBytes = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
            HasFfmpeg = new AudioEncoder().IsAvailable,
            CanReadEveryClip = new AudioDecoder().HasFfmpeg,
            CanListen = TryListen,
            FolderFault = TryWrite,
        };
    }

    /// <summary>Returns the GPUs of the machine; empty without a driver.</summary>
    public static Task<IReadOnlyList<GpuFacts>> GpusAsync(CancellationToken cancel) => QueryDriverAsync(cancel);

    /// <summary>Parses the output of nvidia-smi: one line per GPU with name, driver, and total and free memory in MiB.</summary>
    internal static IReadOnlyList<GpuFacts> ReadDriver(string csv) =>
    [
        .. csv.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(line => line.Split(',', StringSplitOptions.TrimEntries))
            .Where(cells => cells.Length == 4)
            .Select(cells => new GpuFacts(cells[0], cells[1], MiB(cells[2]), MiB(cells[3]))),
    ];

    private static long MiB(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value << 20 : 0;

    private static string? TryTorch()
    {
        if (!TorchNativeLibrary.Exists())
        {
            return TorchNativeLibrary.NotFound;
        }

        try
        {
            using var ones = torch.ones(2);
            return ones.numel() == 2 ? null : "its results are wrong";
        }
        catch (Exception e) when (e is TypeInitializationException
            or DllNotFoundException
            or BadImageFormatException
            or NotSupportedException
            or EntryPointNotFoundException)
        {
            return e.GetBaseException().Message.ReplaceLineEndings(" ");
        }
    }

    private static async Task<IReadOnlyList<GpuFacts>> QueryDriverAsync(CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(DriverTimeout);
        try
        {
            string[] arguments = ["--query-gpu=name,driver_version,memory.total,memory.free", "--format=csv,noheader,nounits"];
            using var process = Process.Start(new ProcessStartInfo("nvidia-smi", arguments)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            using var stop = limit.Token.UnsafeRegister(_ => process.Kill(), null);
            process.ErrorDataReceived += (_, _) => { };
            process.BeginErrorReadLine();
            var output = await process.StandardOutput.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return process.ExitCode == 0 ? ReadDriver(output) : [];
        }
        catch (Exception e) when (e is Win32Exception || (e is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            return [];
        }
    }

    /// <summary>Returns the reason why a test file cannot be created in the folder, or in its nearest existing parent folder; null if it
    /// can.</summary>
    private static string? TryWrite(string folder)
    {
        var existing = Path.GetFullPath(folder);
        while (!Directory.Exists(existing) && Path.GetDirectoryName(existing) is { } parent)
        {
            existing = parent;
        }

        try
        {
            using var file = new FileStream(
                Path.Combine(existing, Path.GetRandomFileName()), FileMode.CreateNew,
                FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }

    private static bool TryListen(Uri address)
    {
        try
        {
            var ip = IPAddress.TryParse(address.Host.Trim('[', ']'), out var parsed)
                ? parsed
                : address.IsLoopback ? IPAddress.Loopback
                : IPAddress.Any;
            using var listener = new TcpListener(ip, address.Port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
