using System.Buffers;
using System.Globalization;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace Yue.Engine.Families.Yue2.Text;

/// <summary>Cuts text into the pieces within which byte pairs are merged (docs/model-yue2.md 2.2).</summary>
/// <remarks>Implements the reference's pattern without a regular expression. The pattern classifies whole code points, whereas .NET's
/// regular expressions see a character beyond U+FFFF as two surrogates, neither of which is a letter.</remarks>
internal sealed class PieceCutter : PreTokenizer
{
    private static readonly string[] Contractions = ["s", "t", "re", "ve", "m", "ll", "d"];

    private enum Kind
    {
        Letter,
        Number,
        Space,
        LineEnd,
        Other,
    }

    /// <inheritdoc/>
    public override IEnumerable<(int Offset, int Length)> PreTokenize(string text) => PreTokenize(text.AsSpan());

    /// <inheritdoc/>
    public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text)
    {
        var pieces = new List<(int Offset, int Length)>();
        for (int offset = 0, length; offset < text.Length; offset += length)
        {
            length = PieceLength(text[offset..]);
            pieces.Add((offset, length));
        }

        return pieces;
    }

    /// <summary>Returns the length of the first piece. The first matching rule applies.</summary>
    private static int PieceLength(ReadOnlySpan<char> text)
    {
        if (ContractionLength(text) is > 0 and var contraction)
        {
            return contraction;
        }

        var (kind, first) = Next(text);
        var letters = RunLength(text[first..], Kind.Letter);
        return kind switch
        {
            Kind.Letter => first + letters,
            Kind.Number => first,
            Kind.Other when letters > 0 => first + letters,
            Kind.Other => SymbolsLength(text),
            Kind.Space when letters > 0 => first + letters,
            Kind.Space when text[0] == ' ' && SymbolsLength(text[1..]) is > 0 and var symbols => 1 + symbols,
            _ => SpacesLength(text),
        };
    }

    /// <summary>Matches an apostrophe followed by one of the endings, in uppercase or lowercase. The long s (U+017F) folds to s.</summary>
    private static int ContractionLength(ReadOnlySpan<char> text)
    {
        if (text is not ['\'', _, ..])
        {
            return 0;
        }

        foreach (var ending in Contractions)
        {
            if (text[1..].StartsWith(ending, StringComparison.OrdinalIgnoreCase))
            {
                return 1 + ending.Length;
            }
        }

        return text[1] == '\u017F' ? 2 : 0;
    }

    /// <summary>Matches symbols and the line ends that follow them; returns 0 if there is no symbol.</summary>
    private static int SymbolsLength(ReadOnlySpan<char> text)
    {
        var symbols = RunLength(text, Kind.Other);
        return symbols == 0 ? 0 : symbols + RunLength(text[symbols..], Kind.LineEnd);
    }

    /// <summary>Matches white space up to and including its last line end. White space without a line end is matched completely if it is a
    /// single character or ends the text. Otherwise, its last character is left for the next piece.</summary>
    private static int SpacesLength(ReadOnlySpan<char> text)
    {
        int length = 0, lastStart = 0, lineEnd = 0;
        while (length < text.Length && Next(text[length..]) is (Kind.Space or Kind.LineEnd, var count) next)
        {
            (lastStart, length) = (length, length + count);
            lineEnd = next.Kind == Kind.LineEnd ? length : lineEnd;
        }

        if (lineEnd > 0)
        {
            return lineEnd;
        }

        return length == text.Length || lastStart == 0 ? length : lastStart;
    }

    private static int RunLength(ReadOnlySpan<char> text, Kind wanted)
    {
        var length = 0;
        while (length < text.Length && Next(text[length..]) is var (kind, count) && kind == wanted)
        {
            length += count;
        }

        return length;
    }

    /// <summary>Returns the kind of the first character and its number of UTF-16 code units. A lone surrogate counts as U+FFFD.</summary>
    private static (Kind Kind, int Length) Next(ReadOnlySpan<char> text)
    {
        var status = Rune.DecodeFromUtf16(text, out var rune, out var length);
        return (KindOf(status == OperationStatus.Done ? rune : Rune.ReplacementChar), length);
    }

    private static Kind KindOf(Rune rune) => rune.Value is '\r' or '\n' ? Kind.LineEnd : Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
            or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => Kind.Letter,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Number,
        _ => Rune.IsWhiteSpace(rune) ? Kind.Space : Kind.Other,
    };
}
