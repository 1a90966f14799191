using System.Globalization;
using System.Text;
using Serilog.Core;
using Serilog.Events;

namespace YueService.Telemetry;

/// <summary>Escapes control characters in every logged value, so that callers can neither forge log lines nor control a terminal on which
/// the log is shown.</summary>
/// <remarks>
/// An event's exception cannot be replaced. Text formats write the property <see cref="ExceptionText"/> instead; its lines are indented so
/// that none of them looks like an entry. JSON escapes the text of exceptions.
/// </remarks>
internal sealed class ControlCharacters : ILogEventEnricher
{
    /// <summary>The property with the text of an event's exception.</summary>
    public const string ExceptionText = nameof(ExceptionText);

    public void Enrich(LogEvent logEvent, ILogEventPropertyFactory propertyFactory)
    {
        foreach (var (name, value) in logEvent.Properties.ToList())
        {
            if (Escape(value) is var escaped && !ReferenceEquals(escaped, value))
            {
                logEvent.AddOrUpdateProperty(new LogEventProperty(name, escaped));
            }
        }

        if (logEvent.Exception is { } exception)
        {
            logEvent.AddOrUpdateProperty(new LogEventProperty(ExceptionText, new ScalarValue(Indent(exception.ToString()))));
        }
    }

    /// <summary>Replaces control characters, line separators and characters that change the text direction with escapes such as <c>\n</c>
    /// and <c>\u001b</c>.</summary>
    public static string Escape(string text)
    {
        if (!text.Any(IsControl))
        {
            return text;
        }

        var escaped = new StringBuilder(text.Length + 16);
        foreach (var character in text)
        {
            _ = character switch
            {
                '\n' => escaped.Append("\\n"),
                '\r' => escaped.Append("\\r"),
                '\t' => escaped.Append("\\t"),
                _ when IsControl(character) => escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}"),
                _ => escaped.Append(character),
            };
        }

        return escaped.ToString();
    }

    private static LogEventPropertyValue Escape(LogEventPropertyValue value)
    {
        switch (value)
        {
            case ScalarValue { Value: string text }:
                var escaped = Escape(text);
                return ReferenceEquals(escaped, text) ? value : new ScalarValue(escaped);
            case ScalarValue { Value: not null and not (bool or char or Enum or IFormattable) and var other }:
                return new ScalarValue(Escape(other.ToString() ?? ""));
            case SequenceValue sequence:
                return new SequenceValue(sequence.Elements.Select(Escape));
            case StructureValue structure:
                return new StructureValue(
                    structure.Properties.Select(property => new LogEventProperty(property.Name, Escape(property.Value))),
                    structure.TypeTag);
            case DictionaryValue dictionary:
                return new DictionaryValue(dictionary.Elements.Select(pair =>
                    KeyValuePair.Create((ScalarValue)Escape(pair.Key), Escape(pair.Value))));
            default:
                return value;
        }
    }

    private static string Indent(string exception) =>
        string.Concat(exception.Split('\n').Select(line => $"    {Escape(line.TrimEnd('\r'))}\n"));

    private static bool IsControl(char character) =>
        char.IsControl(character) || character is '\u2028' or '\u2029' or (>= '\u202a' and <= '\u202e') or (>= '\u2066' and <= '\u2069');
}
