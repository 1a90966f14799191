using System.Text;
using System.Text.RegularExpressions;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1.Text;

/// <summary>Text derived from a user's text, with the original position of each of its UTF-16 code units.</summary>
internal sealed class TracedText
{
    private readonly ReadOnlyMemory<TextSpan> _places;

    private TracedText(string text, ReadOnlyMemory<TextSpan> places) => (Text, _places) = (text, places);

    public string Text { get; }

    public int Length => Text.Length;

    /// <summary>Returns a user's text, unchanged.</summary>
    public static TracedText Of(string text)
    {
        var places = new TextSpan[text.Length];
        for (var i = 0; i < places.Length; i++)
        {
            places[i] = new(i, i + 1);
        }

        return new(text, places);
    }

    /// <summary>Returns the position in the user's text of the part from <paramref name="start"/> to <paramref name="end"/>.</summary>
    public TextSpan Origin(int start, int end)
    {
        if (start < end)
        {
            return new(_places.Span[start].Start, _places.Span[end - 1].End);
        }

        var at = start < Length ? _places.Span[start].Start : Length > 0 ? _places.Span[^1].End : 0;
        return new(at, at);
    }

    /// <summary>Returns the position of the whole text in the user's text.</summary>
    public TextSpan Origin() => Origin(0, Length);

    /// <summary>Returns the part from <paramref name="start"/> to <paramref name="end"/>.</summary>
    public TracedText Slice(int start, int end) =>
        start == 0 && end == Length ? this : new(Text[start..end], _places[start..end]);

    /// <summary>Returns the text without white space at either end.</summary>
    public TracedText Trim()
    {
        var start = Length - Text.TrimStart().Length;
        return Slice(start, Math.Max(start, Text.TrimEnd().Length));
    }

    /// <summary>Returns the text without Python's white space at either end.</summary>
    public TracedText Strip()
    {
        var (start, end) = PythonText.Bounds(Text);
        return Slice(start, end);
    }

    /// <summary>Returns the lines.</summary>
    public IEnumerable<TracedText> Lines()
    {
        var start = 0;
        for (int end; (end = Text.IndexOf('\n', start)) >= 0; start = end + 1)
        {
            yield return Slice(start, end);
        }

        yield return Slice(start, Length);
    }

    /// <summary>Replaces every match. If a replacement has the same length as the match, its units keep their positions; otherwise they
    /// have the position of the whole match.</summary>
    public TracedText Replace(Regex pattern, Func<Match, string> replacement)
    {
        Builder? replaced = null;
        var done = 0;
        for (var match = pattern.Match(Text); match.Success; match = match.NextMatch())
        {
            replaced ??= new Builder();
            replaced.Append(Slice(done, match.Index));
            done = match.Index + match.Length;
            var text = replacement(match);
            replaced.Append(text.Length == match.Length
                ? new TracedText(text, _places[match.Index..done])
                : Whole(text, Origin(match.Index, done)));
        }

        if (replaced is null)
        {
            return this;
        }

        replaced.Append(Slice(done, Length));
        return replaced.Build();
    }

    /// <summary>Returns the text with every unit replaced by another.</summary>
    public TracedText Select(Func<char, char> replacement) => new(string.Concat(Text.Select(replacement)), _places);

    /// <summary>Returns text whose units all have the same position.</summary>
    private static TracedText Whole(string text, TextSpan place) => new(text, Enumerable.Repeat(place, text.Length).ToArray());

    /// <summary>Concatenates pieces of text.</summary>
    internal sealed class Builder
    {
        private readonly StringBuilder _text = new();
        private readonly List<TextSpan> _places = [];

        public int Length => _text.Length;

        public void Append(TracedText text)
        {
            _text.Append(text.Text);
            _places.AddRange(text._places.Span);
        }

        /// <summary>Appends a unit for a position in the user's text.</summary>
        public void Append(char unit, TextSpan place)
        {
            _text.Append(unit);
            _places.Add(place);
        }

        /// <summary>Appends text for a position in the user's text.</summary>
        public void Append(string text, TextSpan place) => Append(Whole(text, place));

        /// <summary>Appends a line break at the position after the preceding text.</summary>
        public void AppendLineEnd()
        {
            var at = _places.Count > 0 ? _places[^1].End : 0;
            Append('\n', new(at, at));
        }

        public TracedText Build() => new(_text.ToString(), _places.ToArray());
    }
}
