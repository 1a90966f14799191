using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace Yue.Engine.Settings;

/// <summary>A text of a certain form.</summary>
/// <param name="pattern">A regular expression that finds a match in valid texts; null counts as empty.</param>
/// <param name="form">The form in words, as the end of "it must be".</param>
public sealed class SettingFormAttribute([StringSyntax(StringSyntaxAttribute.Regex)] string pattern, string form) : SettingAttribute
{
    public string Pattern => pattern;

    public string Form => form;

    protected override string? Expected(object? value) =>
        Regex.IsMatch(value as string ?? "", pattern, RegexOptions.NonBacktracking) ? null : form;
}
