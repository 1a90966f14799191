using Microsoft.Extensions.Options;

namespace YueService.Settings;

/// <summary>Checks the settings of jobs. Whether the state folder can be written shows in use, and may change.</summary>
internal sealed class JobOptionsValidator(UnreadableSettings<JobOptions> unreadable) : IValidateOptions<JobOptions>
{
    public ValidateOptionsResult Validate(string? name, JobOptions options)
    {
        var faults = Faults(options).ToList();
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private IEnumerable<string> Faults(JobOptions options) =>
    [
        .. unreadable.Messages,
        .. string.IsNullOrWhiteSpace(options.StateFolder)
            ? (IEnumerable<string>)[$"Yue:StateFolder is '{options.StateFolder}'; it must be a folder."]
            : [],
        .. SettingBounds.Check("KeepSongsDays", options.KeepSongsDays, 0, 36_500),
        .. SettingBounds.Check("KeepSongsMegabytes", options.KeepSongsMegabytes, 0, 1_000_000_000),
        .. SettingBounds.Check("DrainSeconds", options.DrainSeconds, 0, 3600),
        .. SettingBounds.Check("EventHeartbeatSeconds", options.EventHeartbeatSeconds, 1, 3600),
    ];
}
