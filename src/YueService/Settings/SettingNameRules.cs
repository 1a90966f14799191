using Yue.Engine.Scheduling;

namespace YueService.Settings;

/// <summary>Checks section <c>Yue</c> for unknown names.</summary>
internal sealed class SettingNameRules(IConfiguration configuration) : OptionsRules<ServiceOptions>
{
    protected override IEnumerable<string> Faults(ServiceOptions options) => configuration.GetSection(EngineOptions.Section).GetChildren()
        .Where(setting => !SettingNames.All.Contains(setting.Key))
        .Select(setting => ClosestName.Of(setting.Key, SettingNames.All) is { } closest
            ? $"{setting.Path} is not a setting; the closest is Yue:{closest}."
            : $"{setting.Path} is not a setting.");
}
