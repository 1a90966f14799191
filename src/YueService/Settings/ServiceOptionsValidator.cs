using Microsoft.Extensions.Options;
using Yue.Engine.Scheduling;
using YueService.Api.Requests;

namespace YueService.Settings;

/// <summary>Checks the service's settings, and section <c>Yue</c> for names that are no settings.</summary>
internal sealed class ServiceOptionsValidator(IConfiguration configuration, UnreadableSettings<ServiceOptions> unreadable)
    : IValidateOptions<ServiceOptions>
{
    // A body must hold the longest lyrics, escaped; past the upper bound a body cannot be one array of bytes.
    private const long MinBodyBytes = 1024;
    private const long MaxBodyBytes = 1024L * 1024 * 1024;

    public ValidateOptionsResult Validate(string? name, ServiceOptions options)
    {
        var faults = Faults(options).ToList();
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private IEnumerable<string> Faults(ServiceOptions options)
    {
        foreach (var setting in configuration.GetSection(EngineOptions.Section).GetChildren())
        {
            if (!SettingNames.All.Contains(setting.Key))
            {
                yield return $"{setting.Path} is not a setting; the closest is Yue:{ClosestName.Of(setting.Key, SettingNames.All)}.";
            }
        }

        foreach (var message in unreadable.Messages)
        {
            yield return message;
        }

        if (options.MaxBodyBytes is < MinBodyBytes or > MaxBodyBytes)
        {
            yield return $"Yue:MaxBodyBytes is {options.MaxBodyBytes}; it must be {MinBodyBytes} to {MaxBodyBytes}.";
        }

        foreach (var fault in SettingBounds.Check(nameof(options.BodyBudgetMegabytes), options.BodyBudgetMegabytes, 1, 1_000_000))
        {
            yield return fault;
        }

        if (options.LogFormat is not ("console" or "json"))
        {
            yield return $"Yue:LogFormat is '{options.LogFormat}'; it must be console or json.";
        }
    }
}
