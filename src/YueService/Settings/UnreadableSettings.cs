using System.Collections.Concurrent;

namespace YueService.Settings;

/// <summary>The settings of one options class whose values could not be read as their type, each with a sentence that says so.</summary>
internal sealed class UnreadableSettings<TOptions>
{
    private readonly ConcurrentDictionary<string, byte> _messages = new();

    public IEnumerable<string> Messages => _messages.Keys.Order(StringComparer.Ordinal);

    public void Add(string message) => _messages.TryAdd(message, 0);
}
