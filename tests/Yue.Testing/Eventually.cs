using System.Diagnostics;
using Xunit;

namespace Yue.Testing;

/// <summary>Waits for events that another thread or process causes.</summary>
public static class Eventually
{
    /// <summary>The time after which a test stops waiting for an event that does not occur.</summary>
    /// <remarks>No passing test depends on it: it only turns a hang into a failure, so it is long enough for a busy machine.</remarks>
    public static readonly TimeSpan Timeout = TimeSpan.FromMinutes(5);

    /// <summary>Waits until a condition holds.</summary>
    public static Task TrueAsync(Func<bool> condition) => TrueAsync(() => Task.FromResult(condition()));

    /// <summary>Waits until a condition holds.</summary>
    public static async Task TrueAsync(Func<Task<bool>> condition)
    {
        var clock = Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.True(clock.Elapsed < Timeout, $"The condition still does not hold after {Timeout.TotalSeconds} seconds.");
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Waits for a task that another thread completes.</summary>
    public static Task InTime(this Task task) => task.WaitAsync(Timeout, TestContext.Current.CancellationToken);

    /// <inheritdoc cref="InTime(Task)"/>
    public static Task<T> InTime<T>(this Task<T> task) => task.WaitAsync(Timeout, TestContext.Current.CancellationToken);
}
