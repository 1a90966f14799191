using System.Diagnostics.Metrics;
using YueService.Telemetry;

namespace YueService.Jobs.Shared;

/// <summary>The metrics of all processes' jobs, for autoscaling. Every process that takes jobs has the same figures.</summary>
internal sealed class SharedMetrics(IMeterFactory meters, JobMirrors jobs, SharedProcesses processes, SharedSettings settings)
    : IHostedService, IDisposable
{
    private Meter? _meter;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (settings.IsShared && settings.TakesJobs)
        {
            _meter = meters.Create(YueTelemetry.Name);
            _meter.CreateObservableGauge("yue.jobs.queued", () => jobs.Depth, "{song}", "Jobs that wait, at all processes.");
            _meter.CreateObservableGauge("yue.jobs.running", () => jobs.RunningCount, "{song}", "Jobs that a worker has.");
            _meter.CreateObservableGauge("yue.jobs.oldest", () => jobs.OldestWait.TotalSeconds, "s", "The wait of the first job.");
            _meter.CreateObservableGauge(
                "yue.worker.slots",
                () => processes.Workers.Sum(worker => worker.About.Slots),
                "{song}",
                "Songs that live workers make at once.");
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _meter?.Dispose();
}
