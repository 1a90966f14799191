using System.Text;
using System.Text.RegularExpressions;

namespace Yue.Engine.Families.Yue2.Text;

/// <summary>A score whose vocal melody is played by the instruments (docs/model-yue2.md 8.1).</summary>
/// <param name="Score">The rewritten score.</param>
/// <param name="HasChords">True if the vocal voice has chord symbols.</param>
/// <param name="Sections">The names of the score's sections, such as <c>verse</c>.</param>
public sealed partial record InstrumentalScore(string Score, bool HasChords, IReadOnlyList<string> Sections)
{
    private const string VocalVoice = "Vocal";
    private const string InstrumentVoice = "Ins";
    private const string WholeRest = "Z";

    /// <summary>Moves every vocal bar with notes to the instruments, where it replaces the corresponding bar. The vocal voice keeps the
    /// chord symbols over rests.</summary>
    /// <returns>The rewritten score; null if the score cannot be read bar by bar.</returns>
    public static InstrumentalScore? Of(string score)
    {
        string[] lines = [.. score.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0)];
        var key = Array.FindIndex(lines, line => line.StartsWith("K:", StringComparison.Ordinal));
        if (key < 0 || SectionsOf(lines[(key + 1)..]) is not { Count: > 0 } sections)
        {
            return null;
        }

        var text = new StringBuilder().AppendJoin('\n', lines[..(key + 1)]).Append('\n');
        var hasChords = false;
        foreach (var section in sections)
        {
            if (section.Name.Length > 0)
            {
                text.Append("% ").Append(section.Name).Append('\n');
            }

            var (vocal, instruments) = section.Moved();
            hasChords |= vocal.Exists(bar => bar.Contains('"', StringComparison.Ordinal));
            AppendVoice(text, VocalVoice, vocal);
            AppendVoice(text, InstrumentVoice, instruments);
        }

        return new(text.ToString(), hasChords, [.. sections.Select(section => section.Name).Where(name => name.Length > 0)]);
    }

    private static void AppendVoice(StringBuilder text, string voice, List<string> bars)
    {
        text.Append("V: ").Append(voice).Append('\n');
        for (var i = 0; i < bars.Count;)
        {
            var rests = bars.Skip(i).TakeWhile(bar => bar == WholeRest).Count();
            text.Append(rests > 1 ? $"{WholeRest}{rests}" : bars[i]).Append('|');
            i += Math.Max(1, rests);
        }

        text.Append('\n');
    }

    /// <summary>Returns the sections of a score's body; null if a line is neither a section's name, a voice nor bars, or if the voices of a
    /// section have different numbers of bars.</summary>
    private static List<Section>? SectionsOf(string[] body)
    {
        var sections = new List<Section>();
        List<string>? voice = null;
        foreach (var line in body)
        {
            if (line[0] == '%')
            {
                sections.Add(new Section(line.TrimStart('%').Trim()));
                voice = null;
                continue;
            }

            if (VoiceLine().Match(line) is { Success: true } named)
            {
                if (sections.Count == 0)
                {
                    sections.Add(new Section(""));
                }

                voice = sections[^1].VoiceOf(named.Groups[1].Value);
            }
            else if (voice is null || BarsOf(line) is not { } bars)
            {
                return null;
            }
            else
            {
                voice.AddRange(bars);
            }

            if (voice is null)
            {
                return null;
            }
        }

        return sections.TrueForAll(section => section.IsAligned) ? sections : null;
    }

    /// <summary>Returns the bars of a line, with a rest of several bars split into single bars; null if the line cannot be read.</summary>
    private static List<string>? BarsOf(string line)
    {
        if (!Bars().IsMatch(line))
        {
            return null;
        }

        var bars = new List<string>();
        foreach (var bar in line.Split('|', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (RestBars().Match(bar) is { Success: true } rest)
            {
                var count = rest.Groups[1].Length == 0 ? 1 : int.Parse(rest.Groups[1].ValueSpan, provider: null);
                bars.AddRange(Enumerable.Repeat(WholeRest, count));
            }
            else if (BarMelody.IsReadable(bar))
            {
                bars.Add(bar);
            }
            else
            {
                return null;
            }
        }

        return bars;
    }

    [GeneratedRegex(@"^V:\s*(\S+)")]
    private static partial Regex VoiceLine();

    /// <summary>Matches bars that each end with a bar line, without repeats.</summary>
    [GeneratedRegex(@"^([^|:\]]*\|)+\z")]
    private static partial Regex Bars();

    [GeneratedRegex(@"^Z(\d{0,3})\z")]
    private static partial Regex RestBars();

    /// <summary>The bars of both voices between two section names.</summary>
    private sealed record Section(string Name)
    {
        private readonly List<string> _vocal = [];
        private readonly List<string> _instruments = [];

        /// <summary>True if both voices have the same number of bars, or one has none.</summary>
        public bool IsAligned => _vocal.Count == 0 || _instruments.Count == 0 || _vocal.Count == _instruments.Count;

        public List<string>? VoiceOf(string name) => name switch
        {
            VocalVoice => _vocal,
            InstrumentVoice => _instruments,
            _ => null,
        };

        public (List<string> Vocal, List<string> Instruments) Moved()
        {
            var count = Math.Max(_vocal.Count, _instruments.Count);
            List<string> vocal = [], instruments = [];
            for (var i = 0; i < count; i++)
            {
                var (sung, played) = (_vocal.ElementAtOrDefault(i) ?? WholeRest, _instruments.ElementAtOrDefault(i) ?? WholeRest);
                var hasNotes = BarMelody.HasNotes(sung);
                vocal.Add(hasNotes ? BarMelody.Silenced(sung) : sung);
                instruments.Add(hasNotes ? BarMelody.WithoutChords(sung) : played);
            }

            return (vocal, instruments);
        }
    }
}
