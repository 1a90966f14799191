namespace Yue.Engine.Settings;

/// <summary>A string that must be one of a few values.</summary>
public sealed class SettingChoiceAttribute(params string[] choices) : SettingAttribute
{
    public IReadOnlyList<string> Choices => choices;

    protected override string? Expected(object? value) =>
        choices.Contains(value as string) ? null : string.Join(choices.Length == 2 ? " or " : ", ", choices);
}
