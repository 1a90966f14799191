using System.Collections.Frozen;
using Yue.Engine.Scheduling;
using Yue.Engine.Separation;

namespace YueService.Settings;

/// <summary>The names of the settings in section <c>Yue</c>.</summary>
internal static class SettingNames
{
    /// <summary>The setting names; the lookup ignores letter case.</summary>
    public static FrozenSet<string> All { get; } =
        new[]
        {
            typeof(EngineOptions), typeof(SeparatorOptions), typeof(ServiceOptions), typeof(JobOptions), typeof(AccessOptions),
            typeof(WebhookOptions), typeof(StoreOptions),
        }
            .SelectMany(options => options.GetProperties())
            .Select(property => property.Name)
            .ToFrozenSet(StringComparer.OrdinalIgnoreCase);
}
