using System.Text.RegularExpressions;
using Yue.Engine.Scheduling;

namespace YueService.Settings;

/// <summary>Checks the folders and files in the engine's settings before anything is loaded.</summary>
internal sealed partial class CheckpointRules : OptionsRules<EngineOptions>
{
    protected override IEnumerable<string> Faults(EngineOptions options)
    {
        foreach (var (model, folder) in options.Stage1)
        {
            if (!ModelName().IsMatch(model))
            {
                yield return $"Yue:Stage1 has a model named '{model}'; use letters, digits, '.', '_' and '-', "
                    + "and one '+' before the name of a LoRA adapter.";
            }
            else if (ModelFamilies.LoraOf(model) is { } lora && !options.Lora.ContainsKey(lora))
            {
                yield return $"Yue:Stage1 has a model named '{model}', but Yue:Lora:{lora} is not set; set it to the adapter's folder.";
            }

            if (FolderFault($"Yue:Stage1:{model}", folder) is { } fault)
            {
                yield return fault;
            }
        }

        foreach (var (lora, folder) in options.Lora)
        {
            if (!options.Stage1.Keys.Any(model => ModelFamilies.LoraOf(model) == lora))
            {
                yield return $"Yue:Lora:{lora} is set, but no model uses it; set Yue:Stage1:NAME+{lora} to the folder of its checkpoint.";
            }

            if (FolderFault($"Yue:Lora:{lora}", folder) is { } fault)
            {
                yield return fault;
            }
        }

        foreach (var (name, folder, isNeeded) in ModelFamilies.FoldersOf(options))
        {
            var setting = $"Yue:{name}";
            if (isNeeded && string.IsNullOrWhiteSpace(folder))
            {
                yield return $"{setting} is missing; with Yue:Stage1 set, it must be the checkpoint's folder.";
            }
            else if (options.Stage1.Count == 0 && folder is not null)
            {
                yield return $"{setting} is set but Yue:Stage1 is not; set Yue:Stage1 and all folders that its models need, "
                    + "or none of them to use the demo model.";
            }
            else if (folder is not null && FolderFault(setting, folder) is { } fault)
            {
                yield return fault;
            }
        }

        if (options.Tokenizer is { } tokenizer && !File.Exists(tokenizer))
        {
            yield return $"Yue:Tokenizer is '{tokenizer}', but there is no such file.";
        }

        if (string.IsNullOrWhiteSpace(options.CacheFolder) || File.Exists(options.CacheFolder))
        {
            yield return $"Yue:CacheFolder is '{options.CacheFolder}'; it must be a folder, which is created if it is missing.";
        }

        if ((options.Weights == "f32") != (options.KeyValueCache == "f32"))
        {
            yield return $"Yue:Weights is '{options.Weights}' and Yue:KeyValueCache '{options.KeyValueCache}'; "
                + "set both to f32, or neither.";
        }
    }

    private static string? FolderFault(string setting, string? folder) =>
        string.IsNullOrWhiteSpace(folder) ? $"{setting} is empty; it must be a folder."
        : Directory.Exists(folder) ? null
        : $"{setting} is '{folder}', but there is no such folder.";

    [GeneratedRegex(@"^[A-Za-z0-9._-]{1,64}(\+[A-Za-z0-9._-]{1,64})?\z")]
    private static partial Regex ModelName();
}
