using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace Yue.Engine.Settings;

/// <summary>A string that must match a pattern.</summary>
/// <param name="pattern">A regular expression that matches valid values. Null is checked as if it were empty.</param>
/// <param name="form">A description of the form that completes "it must be".</param>
public sealed class SettingFormAttribute([StringSyntax(StringSyntaxAttribute.Regex)] string pattern, string form) : SettingAttribute
{
    public string Pattern => pattern;

    public string Form => form;

    protected override string? Expected(object? value) =>
        Regex.IsMatch(value as string ?? "", pattern, RegexOptions.NonBacktracking) ? null : form;
}
