using System.Collections.Concurrent;

namespace YueService.Settings;

/// <summary>The settings of one options class whose values could not be read as their type, each with an error message.</summary>
internal sealed class UnreadableSettings<TOptions> : OptionsRules<TOptions>
    where TOptions : class
{
    private readonly ConcurrentDictionary<string, byte> _messages = new();

    public void Add(string message) => _messages.TryAdd(message, 0);

    protected override IEnumerable<string> Faults(TOptions options) => _messages.Keys.Order(StringComparer.Ordinal);
}
