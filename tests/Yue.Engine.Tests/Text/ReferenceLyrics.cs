using System.Text.RegularExpressions;
using Yue.Engine.Families.Yue1.Text;

namespace Yue.Engine.Tests.Text;

/// <summary>The reference's published regular expression, which splits lyrics and drops text that it does not match. Within the Basic
/// Multilingual Plane, this form has the same meaning in .NET as the original has in Python.</summary>
internal static partial class ReferenceLyrics
{
    public static IReadOnlyList<LyricSection> Parse(string lyrics) =>
        [.. Section().Matches(lyrics).Select(match => new LyricSection(match.Groups[1].Value, Strip(match.Groups[2].Value)))];

    /// <summary>Returns the text that is in no section.</summary>
    public static string Dropped(string lyrics) => Section().Replace(lyrics, "");

    /// <summary>Trims text as Python's <c>str.strip()</c> does.</summary>
    public static string Strip(string text) => Ends().Replace(text, "");

    [GeneratedRegex(@"\[([\p{L}\p{Nd}\p{Nl}\p{No}_]+)\](.*?)(?=\[|\z)", RegexOptions.Singleline)]
    private static partial Regex Section();

    [GeneratedRegex(@"\A[\s\x1c-\x1f]+|[\s\x1c-\x1f]+\z")]
    private static partial Regex Ends();
}
