using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Yue.Engine.Families.Yue2.Text;

/// <summary>Reads and changes one bar of a score in ABC notation: notes, rests, ties, slurs, triplets and chord symbols.</summary>
internal static partial class BarMelody
{
    // Lengths are counted in 24ths of the unit note, so that triplets and divisions down to an eighth are whole numbers.
    private const int UnitParts = 24;
    private const int TripletNotes = 3;

    /// <summary>Returns true if every symbol of a bar is known and every length can be counted in parts.</summary>
    public static bool IsReadable(string bar)
    {
        var end = 0;
        foreach (Match symbol in Symbols().Matches(bar))
        {
            if (symbol.Index != end || (symbol.Groups["den"] is { Length: > 0 } && PartsOf(symbol) is null))
            {
                return false;
            }

            end = symbol.Index + symbol.Length;
        }

        return end == bar.Length;
    }

    /// <summary>Returns true if a bar has notes.</summary>
    public static bool HasNotes(string bar) => Symbols().Matches(bar).Any(symbol => symbol.Groups["note"].Success);

    /// <summary>Returns a bar without its chord symbols.</summary>
    public static string WithoutChords(string bar) => string.Concat(
        Symbols().Matches(bar).Where(symbol => !symbol.Groups["chord"].Success).Select(symbol => symbol.Value)).Trim();

    /// <summary>Returns a bar with its chord symbols in their positions over rests. A bar without chord symbols becomes a
    /// whole-bar rest.</summary>
    public static string Silenced(string bar)
    {
        if (!bar.Contains('"', StringComparison.Ordinal))
        {
            return "Z";
        }

        var silenced = new StringBuilder();
        int parts = 0, tripletLeft = 0;
        foreach (Match symbol in Symbols().Matches(bar))
        {
            if (symbol.Groups["chord"].Success)
            {
                AppendRest(silenced, parts);
                silenced.Append(symbol.Value);
                parts = 0;
            }
            else if (symbol.Groups["triplet"].Success)
            {
                tripletLeft = TripletNotes;
            }
            else if (symbol.Groups["note"].Success || symbol.Groups["rest"].Success)
            {
                parts += tripletLeft-- > 0 ? PartsOf(symbol)!.Value * 2 / 3 : PartsOf(symbol)!.Value;
            }
        }

        AppendRest(silenced, parts);
        return silenced.ToString();
    }

    private static void AppendRest(StringBuilder text, int parts)
    {
        if (parts == 0)
        {
            return;
        }

        var divisor = (int)System.Numerics.BigInteger.GreatestCommonDivisor(parts, UnitParts);
        var (count, of) = (parts / divisor, UnitParts / divisor);
        text.Append('z')
            .Append(count == 1 ? "" : count.ToString(CultureInfo.InvariantCulture))
            .Append(of == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $"/{of}"));
    }

    /// <summary>Returns the length of a note or rest in parts; null unless it is a multiple of three parts, as triplets
    /// require.</summary>
    private static int? PartsOf(Match symbol)
    {
        var count = Number(symbol.Groups["num"].ValueSpan, otherwise: 1);
        var of = symbol.Groups["den"] is { Length: > 0 } den ? Number(den.ValueSpan[1..], otherwise: 2) : 1;
        return of > 0 && count * UnitParts % (of * 3) == 0 ? count * UnitParts / of : null;
    }

    private static int Number(ReadOnlySpan<char> digits, int otherwise) =>
        digits.IsEmpty ? otherwise : int.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);

    [GeneratedRegex("""
        (?<chord>"[^"]*")
        |(?<triplet>\(3)
        |(?<note>[_^=]{0,2}[A-Ga-g][,']*)(?<num>\d{0,3})(?<den>(?:/\d{0,2})?)
        |(?<rest>[zx])(?<num>\d{0,3})(?<den>(?:/\d{0,2})?)
        |(?<other>[-()\s])
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Symbols();
}
