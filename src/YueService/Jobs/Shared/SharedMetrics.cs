using System.Diagnostics.Metrics;
using YueService.Telemetry;

namespace YueService.Jobs.Shared;

/// <summary>Metrics about the jobs of all processes together, for autoscaling. Every process that accepts jobs reports the same
/// values.</summary>
internal sealed class SharedMetrics(IMeterFactory meters, JobMirrors jobs, SharedProcesses processes, SharedSettings settings)
    : IHostedService, IDisposable
{
    private Meter? _meter;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (settings.IsShared && settings.TakesJobs)
        {
            _meter = meters.Create(YueTelemetry.Name);
            _meter.CreateObservableGauge("yue.job.queued", () => jobs.Depth, "{song}", "Waiting jobs of all processes.");
            _meter.CreateObservableGauge("yue.job.running", () => jobs.RunningCount, "{song}", "Jobs that workers have claimed.");
            _meter.CreateObservableGauge(
                "yue.job.oldest.age", () => jobs.OldestWait.TotalSeconds, "s", "The waiting time of the oldest waiting job.");
            _meter.CreateObservableGauge(
                "yue.worker.song.limit",
                () => processes.Workers.Sum(worker => worker.About.Slots),
                "{song}",
                "The number of songs that all live workers together can make at the same time.");
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _meter?.Dispose();
}
