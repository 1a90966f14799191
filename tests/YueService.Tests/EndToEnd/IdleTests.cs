using Xunit;

namespace YueService.Tests.EndToEnd;

/// <summary>What the real program does while nobody asks for anything.</summary>
public sealed class IdleTests(DemoProcess demo) : IClassFixture<DemoProcess>
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(5);

    [Fact]
    public async Task A_service_that_waits_hardly_ever_wakes_up()
    {
        // Of which Kestrel has one a second. A timer of 100 ms alone has more than twenty.
        const double Allowed = 10;
        const int Windows = 6;
        Assert.SkipUnless(OperatingSystem.IsLinux(), "reads /proc");
        var seen = new List<double>();
        while (seen.Count < Windows && seen.LastOrDefault(double.MaxValue) > Allowed)
        {
            // What starting leaves to be done, such as compilation, ends at some time; a timer does not.
            seen.Add(await WakeUpsASecondAsync());
        }

        Assert.True(seen[^1] <= Allowed, $"woke up {string.Join(", ", seen.Select(rate => $"{rate:F0}"))} times a second");
    }

    private async Task<double> WakeUpsASecondAsync()
    {
        var before = demo.SleepsByThread();
        await Task.Delay(Window, TestContext.Current.CancellationToken);
        return demo.SleepsByThread().Sum(thread => thread.Value - before.GetValueOrDefault(thread.Key)) / Window.TotalSeconds;
    }
}
