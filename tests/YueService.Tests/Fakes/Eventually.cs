using Xunit;

namespace YueService.Tests.Fakes;

/// <summary>Waits for what another thread does.</summary>
internal static class Eventually
{
    /// <summary>Fails unless the condition holds within ten seconds.</summary>
    public static async Task TrueAsync(Func<bool> condition)
    {
        for (var tries = 0; tries < 500; tries++)
        {
            if (condition())
            {
                return;
            }

            await Task.Delay(20, TestContext.Current.CancellationToken);
        }

        Assert.Fail("The condition did not come true within ten seconds.");
    }
}
