using System.Collections.Concurrent;
using Serilog.Core;
using Serilog.Events;

namespace YueService.Tests.Fakes;

/// <summary>Collects the service's log.</summary>
internal sealed class CollectedLog : ILogEventSink
{
    private readonly ConcurrentQueue<LogEvent> _events = new();

    public IReadOnlyCollection<LogEvent> Events => _events;

    /// <summary>All events as text, including exceptions and properties.</summary>
    public string Text => string.Join('\n', _events.Select(e =>
        $"{e.Level} {e.RenderMessage(null)} {e.TraceId} {string.Join(' ', e.Properties)} {e.Exception}"));

    public void Emit(LogEvent logEvent) => _events.Enqueue(logEvent);
}
