using System.Diagnostics;
using Xunit;

namespace YueService.Tests.Fakes;

/// <summary>Waits for what another thread does.</summary>
internal static class Eventually
{
    /// <summary>Fails unless the condition holds within ten seconds.</summary>
    public static Task TrueAsync(Func<bool> condition) => TrueAsync(() => Task.FromResult(condition()), TimeSpan.FromSeconds(10));

    /// <summary>Fails unless the condition holds within a time.</summary>
    public static async Task TrueAsync(Func<Task<bool>> condition, TimeSpan patience)
    {
        var clock = Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.True(clock.Elapsed < patience, $"The condition did not come true within {patience.TotalSeconds} seconds.");
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }
}
