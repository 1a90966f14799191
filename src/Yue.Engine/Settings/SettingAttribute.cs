using System.ComponentModel.DataAnnotations;

namespace Yue.Engine.Settings;

/// <summary>A rule for the value of one setting of section <c>Yue</c>.</summary>
/// <remarks>The messages of the framework's attributes do not contain the value. These name the setting, its value and the
/// values that it can have.</remarks>
[AttributeUsage(AttributeTargets.Property)]
public abstract class SettingAttribute : ValidationAttribute
{
    /// <summary>Returns the values that the setting can have as the end of "it must be"; null if the value is one of them.</summary>
    protected abstract string? Expected(object? value);

    /// <summary>Returns the value as a message shows it.</summary>
    protected virtual string Show(object? value) => $"'{value}'";

    protected sealed override ValidationResult? IsValid(object? value, ValidationContext validationContext)
    {
        ArgumentNullException.ThrowIfNull(validationContext);
        return Expected(value) is { } expected
            ? new ValidationResult($"Yue:{validationContext.MemberName} is {Show(value)}; it must be {expected}.")
            : ValidationResult.Success;
    }
}
