using System.Diagnostics;
using Xunit;

namespace YueService.Tests.EndToEnd;

/// <summary>Measures the real program while it has no requests.</summary>
public sealed class IdleTests(DemoProcess demo) : IClassFixture<DemoProcess>
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(5);

    [Fact]
    public async Task An_idle_service_hardly_ever_wakes_up()
    {
        // Kestrel alone wakes up once per second. A timer of 100 ms would add more than twenty wake-ups per second (several per tick).
        const double Allowed = 10;
        Assert.SkipUnless(OperatingSystem.IsLinux(), "reads /proc");
        await UntilQuietAsync(WakeUps, Allowed, "wake-ups per second");
    }

    [Fact]
    public async Task An_idle_service_uses_hardly_any_CPU_time()
    {
        const double Allowed = 0.05;
        await UntilQuietAsync(ProcessorSeconds, Allowed, "CPU seconds per second");
    }

    private Func<double> WakeUps()
    {
        var before = demo.SleepsByThread();
        return () => demo.SleepsByThread().Sum(thread => thread.Value - before.GetValueOrDefault(thread.Key));
    }

    private Func<double> ProcessorSeconds()
    {
        var before = demo.ProcessorTime;
        return () => (demo.ProcessorTime - before).TotalSeconds;
    }

    /// <summary>Measures one window after another until one is quiet.</summary>
    /// <remarks>Work after startup, such as background compilation, takes an unknown amount of time, but it ends. A timer never
    /// ends.</remarks>
    /// <param name="begin">Begins a window and returns a function that ends it and returns the measured amount.</param>
    /// <param name="allowed">The maximum amount per second in a quiet window.</param>
    /// <param name="unit">The unit of the measured rates.</param>
    private static async Task UntilQuietAsync(Func<Func<double>> begin, double allowed, string unit)
    {
        var clock = Stopwatch.StartNew();
        var rates = new List<double>();
        do
        {
            var (end, started) = (begin(), clock.Elapsed);
            await Task.Delay(Window, TestContext.Current.CancellationToken);
            rates.Add(end() / (clock.Elapsed - started).TotalSeconds);
        }
        while (rates[^1] > allowed && clock.Elapsed < Eventually.Timeout);

        Assert.True(rates[^1] <= allowed, $"{string.Join(", ", rates.Select(rate => $"{rate:F2}"))} {unit}");
    }
}
