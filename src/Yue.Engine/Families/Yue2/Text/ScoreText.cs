using System.Text.RegularExpressions;

namespace Yue.Engine.Families.Yue2.Text;

/// <summary>Checks the text of scores.</summary>
public static partial class ScoreText
{
    /// <summary>Returns the warning about text that does not look like a score in ABC notation; null if it does. The model accepts any
    /// text, so this is not an error.</summary>
    public static string? WarningOf(string score) => KeyLine().IsMatch(score)
        ? null
        : "score: has no K: line, so it may not be ABC notation; the model reads it as it is";

    /// <summary>Matches the line with the key, which ends the header of every tune.</summary>
    [GeneratedRegex("^K:", RegexOptions.Multiline)]
    private static partial Regex KeyLine();
}
