namespace YueService.Hosting;

/// <summary>The lifetime of a host that ends with the command that started it. The command handles Ctrl-C itself.</summary>
internal sealed class CallerLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
