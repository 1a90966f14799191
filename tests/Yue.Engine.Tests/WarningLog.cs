using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Yue.Engine.Scheduling;

namespace Yue.Engine.Tests;

/// <summary>Collects the warnings and errors of an engine.</summary>
internal sealed class WarningLog : ILogger<YueEngine>
{
    public ConcurrentQueue<string> Warnings { get; } = new();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Warnings.Enqueue(formatter(state, exception));
}
