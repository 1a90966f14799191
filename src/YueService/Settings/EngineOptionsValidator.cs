using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;
using Yue.Engine.Scheduling;

namespace YueService.Settings;

/// <summary>Checks the engine's settings before anything is loaded, and names every fault at once.</summary>
internal sealed partial class EngineOptionsValidator(UnreadableSettings<EngineOptions> unreadable) : IValidateOptions<EngineOptions>
{
    private const int MaxQueueCapacity = 10_000;
    private const int MaxDeviceMemoryMegabytes = 1_000_000;
    private const int MaxStepTimeoutSeconds = 3_600;

    public ValidateOptionsResult Validate(string? name, EngineOptions options)
    {
        var faults = unreadable.Messages.Concat(Faults(options)).ToList();
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private static IEnumerable<string> Faults(EngineOptions options)
    {
        foreach (var (model, folder) in options.Stage1)
        {
            if (!ModelName().IsMatch(model))
            {
                yield return $"Yue:Stage1 has a model named '{model}'; use letters, digits, '.', '_' and '-'.";
            }

            if (FolderFault($"Yue:Stage1:{model}", folder) is { } fault)
            {
                yield return fault;
            }
        }

        foreach (var (setting, folder) in new[] { ("Yue:Stage2", options.Stage2), ("Yue:Codec", options.Codec) })
        {
            if (options.Stage1.Count > 0 && string.IsNullOrWhiteSpace(folder))
            {
                yield return $"{setting} is missing; with Yue:Stage1 set it must be the checkpoint's folder.";
            }
            else if (options.Stage1.Count == 0 && folder is not null)
            {
                yield return $"{setting} is set but Yue:Stage1 is not; set all of Yue:Stage1, Yue:Stage2 and Yue:Codec, or none for the demo model.";
            }
            else if (folder is not null && FolderFault(setting, folder) is { } fault)
            {
                yield return fault;
            }
        }

        if (options.Tokenizer is { } tokenizer && !File.Exists(tokenizer))
        {
            yield return $"Yue:Tokenizer is '{tokenizer}', and there is no such file.";
        }

        if (string.IsNullOrWhiteSpace(options.CacheFolder) || File.Exists(options.CacheFolder))
        {
            yield return $"Yue:CacheFolder is '{options.CacheFolder}'; it must be a folder, which is made when it is missing.";
        }

        if (!DeviceName().IsMatch(options.Device ?? ""))
        {
            yield return $"Yue:Device is '{options.Device}'; it must be auto, cpu, cuda, or cuda with an index such as cuda:1.";
        }

        if (!EngineOptions.WeightTypes.Contains(options.Weights))
        {
            yield return $"Yue:Weights is '{options.Weights}'; it must be {string.Join(", ", EngineOptions.WeightTypes)}.";
        }

        if (!EngineOptions.CacheTypes.Contains(options.KeyValueCache))
        {
            yield return $"Yue:KeyValueCache is '{options.KeyValueCache}'; it must be {string.Join(", ", EngineOptions.CacheTypes)}.";
        }

        if ((options.Weights == "f32") != (options.KeyValueCache == "f32"))
        {
            yield return $"Yue:Weights is '{options.Weights}' and Yue:KeyValueCache '{options.KeyValueCache}'; f32 is for both or for neither.";
        }

        foreach (var fault in NumberFaults(options))
        {
            yield return fault;
        }
    }

    private static IEnumerable<string> NumberFaults(EngineOptions options) =>
    [
        .. SettingBounds.Check(nameof(options.QueueCapacity), options.QueueCapacity, 1, MaxQueueCapacity),
        .. SettingBounds.Check(nameof(options.SongsAtOnce), options.SongsAtOnce, 0, EngineOptions.MostSongsAtOnce),
        .. options.ContextTokens == 0
            ? []
            : SettingBounds.Check(nameof(options.ContextTokens), options.ContextTokens, EngineOptions.LeastContextTokens, EngineOptions.MostContextTokens),
        .. SettingBounds.Check(nameof(options.StepTimeoutSeconds), options.StepTimeoutSeconds, 0, MaxStepTimeoutSeconds),
        .. SettingBounds.Check(nameof(options.DeviceMemoryMegabytes), options.DeviceMemoryMegabytes, 0, MaxDeviceMemoryMegabytes),
    ];

    private static string? FolderFault(string setting, string? folder) =>
        string.IsNullOrWhiteSpace(folder) ? $"{setting} is empty; it must be the checkpoint's folder."
        : Directory.Exists(folder) ? null
        : $"{setting} is '{folder}', and there is no such folder.";

    [GeneratedRegex(@"^[A-Za-z0-9._-]{1,64}\z")]
    private static partial Regex ModelName();

    [GeneratedRegex(@"^(auto|cpu|cuda(:[0-9]{1,3})?)\z")]
    private static partial Regex DeviceName();
}
