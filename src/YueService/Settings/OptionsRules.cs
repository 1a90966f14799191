using Microsoft.Extensions.Options;

namespace YueService.Settings;

/// <summary>Rules that no attribute of a single setting can express: for lists, for several settings together, and for files.</summary>
internal abstract class OptionsRules<TOptions> : IValidateOptions<TOptions>
    where TOptions : class
{
    public ValidateOptionsResult Validate(string? name, TOptions options)
    {
        var faults = Faults(options).ToList();
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    /// <summary>Returns one sentence per error, with the setting, its value and the fix.</summary>
    protected abstract IEnumerable<string> Faults(TOptions options);
}
