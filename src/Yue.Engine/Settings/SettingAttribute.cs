using System.ComponentModel.DataAnnotations;

namespace Yue.Engine.Settings;

/// <summary>A validation rule for one setting of section <c>Yue</c>.</summary>
/// <remarks>The messages of the framework's attributes do not contain the value. The messages of this attribute contain the setting, its
/// value and the valid values.</remarks>
[AttributeUsage(AttributeTargets.Property)]
public abstract class SettingAttribute : ValidationAttribute
{
    /// <summary>Returns a description of the valid values that completes "it must be"; null if the value is valid.</summary>
    protected abstract string? Expected(object? value);

    /// <summary>Formats the value for a message.</summary>
    protected virtual string Show(object? value) => $"'{value}'";

    protected sealed override ValidationResult? IsValid(object? value, ValidationContext validationContext)
    {
        ArgumentNullException.ThrowIfNull(validationContext);
        return Expected(value) is { } expected
            ? new ValidationResult($"Yue:{validationContext.MemberName} is {Show(value)}; it must be {expected}.")
            : ValidationResult.Success;
    }
}
