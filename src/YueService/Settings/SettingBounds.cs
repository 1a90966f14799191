using Yue.Engine.Scheduling;

namespace YueService.Settings;

/// <summary>Checks numbers among the settings.</summary>
internal static class SettingBounds
{
    /// <summary>The fault of a number that is out of its bounds, or nothing.</summary>
    public static IEnumerable<string> Check(string setting, long value, long min, long max)
    {
        if (value < min || value > max)
        {
            yield return $"{EngineOptions.Section}:{setting} is {value}; it must be {min} to {max}.";
        }
    }
}
