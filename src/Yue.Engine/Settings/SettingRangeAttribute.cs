using System.Globalization;

namespace Yue.Engine.Settings;

/// <summary>A whole number within inclusive bounds.</summary>
public sealed class SettingRangeAttribute(long min, long max) : SettingAttribute
{
    public long Min => min;

    public long Max => max;

    /// <summary>True if 0 is valid in addition to the range, with a special meaning.</summary>
    public bool OrZero { get; init; }

    protected override string? Expected(object? value) =>
        Convert.ToInt64(value, CultureInfo.InvariantCulture) is var number && ((number >= min && number <= max) || (OrZero && number == 0))
            ? null
            : string.Create(CultureInfo.InvariantCulture, $"{(OrZero ? "0, or " : "")}{min} to {max}");

    protected override string Show(object? value) => Convert.ToString(value, CultureInfo.InvariantCulture)!;
}
