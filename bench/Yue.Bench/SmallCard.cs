using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Yue.Cuda;

namespace Yue.Bench;

/// <summary>Runs a program as if on a smaller GPU: allocates memory until only the given amount is free, and measures the program's peak
/// use.</summary>
/// <remarks><c>card GIB PROGRAM [ARGUMENT ...]</c> prints one JSON object after the program has ended. The peak is the largest
/// increase in used device memory, including the program's CUDA context; memory use is sampled every few milliseconds. No other program may
/// use the GPU at the same time.</remarks>
internal static class SmallCard
{
    private const double GiB = 1L << 30;
    private const int PollMilliseconds = 5;

    public static int Run(string gib, string[] program)
    {
        using var device = CudaDevice.TryOpen(0, out var reason);
        if (device is null)
        {
            Console.Error.WriteLine(reason);
            return 1;
        }

        var wanted = (long)(double.Parse(gib, CultureInfo.InvariantCulture) * GiB);
        var excess = device.Memory.Free - wanted;
        if (excess <= 0)
        {
            Console.Error.WriteLine($"only {device.Memory.Free / GiB:F2} GiB of device memory is free; {gib} GiB is needed");
            return 1;
        }

        using var ballast = DeviceMemory.Allocate(excess);
        var free = device.Memory.Free;
        var least = free;
        using var process = Process.Start(new ProcessStartInfo(program[0], program[1..]))
            ?? throw new InvalidOperationException($"{program[0]} could not be started");
        do
        {
            least = Math.Min(least, device.Memory.Free);
        }
        while (!process.WaitForExit(PollMilliseconds));

        Console.WriteLine(JsonSerializer.Serialize(new
        {
            name = "card",
            freeGiB = Math.Round(free / GiB, 2),
            peakGiB = Math.Round((free - least) / GiB, 2),
            exit = process.ExitCode,
        }));
        return process.ExitCode;
    }
}
