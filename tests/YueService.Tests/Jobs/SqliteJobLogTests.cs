using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Yue.Testing;
using YueService.Jobs;
using YueService.Settings;

namespace YueService.Tests.Jobs;

/// <summary>Tests the job log for a single machine.</summary>
public sealed class SqliteJobLogTests : JobLogContract, IDisposable
{
    private readonly TemporaryFolder _state = new();
    private readonly SqliteJobLog _log;

    public SqliteJobLogTests() => _log = new(
        new StateFolder(Options.Create(new JobOptions { StateFolder = _state.Path })),
        Options.Create(new AccessOptions()),
        TimeProvider.System,
        NullLogger<SqliteJobLog>.Instance);

    private protected override IJobLog Log => _log;

    public void Dispose()
    {
        _log.Dispose();
        _state.Dispose();
    }
}
