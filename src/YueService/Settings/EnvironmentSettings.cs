using System.Collections;
using System.Text.Json;
using System.Text.RegularExpressions;
using Yue.Engine.Scheduling;

namespace YueService.Settings;

/// <summary>Settings from <c>YUE_…</c> environment variables.</summary>
/// <remarks>
/// The prefix is followed by the setting's name in any letter case, with its words joined or separated by one underscore. A double
/// underscore separates levels: <c>YUE_QUEUE_CAPACITY</c> is <c>Yue:QueueCapacity</c>, <c>YUE_Stage1__en</c> is <c>Yue:Stage1:en</c>.
/// Because most model names (<c>en-cot</c>) cannot be part of a variable's name, <c>YUE_STAGE1</c> and <c>YUE_LORA</c> themselves take
/// <c>NAME=FOLDER</c>, or several such values separated by semicolons. An empty variable counts as absent. A variable that
/// matches no setting is ignored with a warning.
/// </remarks>
internal static partial class EnvironmentSettings
{
    private const string Prefix = "YUE_";

    /// <summary>Known variables that are not settings: the default cache folder, and the golden files for tests.</summary>
    private static readonly string[] OtherVariables = ["YUE_CACHE", "YUE_GOLDENS"];

    /// <summary>Returns the settings among a process's environment variables.</summary>
    public static IEnumerable<KeyValuePair<string, string?>> Read(IDictionary variables)
    {
        foreach (var (name, value) in Ours(variables))
        {
            var parts = name[Prefix.Length..].Split("__");
            if (SettingOf(parts) is not { } setting)
            {
                continue;
            }

            if (setting is nameof(EngineOptions.Stage1) or nameof(EngineOptions.Lora) && parts.Length == 1)
            {
                foreach (var model in value.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
                {
                    var pair = model.Split('=', 2);
                    yield return new(
                        string.Join(':', EngineOptions.Section, setting, pair[0].Trim()), pair.Length == 2 ? pair[1].Trim() : "");
                }
            }
            else
            {
                // Webhooks contains settings; other groups contain names that users choose.
                var names = setting == nameof(WebhookOptions.Webhooks)
                    ? parts[1..].Select(name => name.Replace("_", "", StringComparison.Ordinal))
                    : parts[1..];
                yield return new(string.Join(':', [EngineOptions.Section, setting, .. names]), value);
            }
        }
    }

    /// <summary>Returns the variables that look like settings but match none, each with the closest known variable; null if none is
    /// similar.</summary>
    public static IEnumerable<(string Name, string? Closest)> Unknown(IDictionary variables) => Ours(variables)
        .Where(variable => SettingOf(variable.Name[Prefix.Length..].Split("__")) is null)
        .Where(variable => !OtherVariables.Contains(variable.Name) && !KubernetesVariable().IsMatch(variable.Name))
        .Select(variable => (
            variable.Name,
            ClosestName.Of(
                variable.Name[Prefix.Length..].Split("__")[0],
                SettingNames.All.Order(StringComparer.Ordinal).Select(VariableOf),
                known => known[Prefix.Length..])))
        .OrderBy(variable => variable.Name, StringComparer.Ordinal);

    private static IEnumerable<(string Name, string Value)> Ours(IDictionary variables) => variables
        .Cast<DictionaryEntry>()
        .Select(variable => ((string)variable.Key, variable.Value as string ?? ""))
        .Where(variable => variable.Item1.StartsWith(Prefix, StringComparison.Ordinal) && variable.Item2.Length > 0);

    private static string? SettingOf(string[] parts) =>
        SettingNames.All.TryGetValue(parts[0].Replace("_", "", StringComparison.Ordinal), out var setting) ? setting : null;

    private static string VariableOf(string setting) => Prefix + JsonNamingPolicy.SnakeCaseUpper.ConvertName(setting);

    /// <summary>Matches the variables that Kubernetes sets in every pod if there is a service called yue.</summary>
    [GeneratedRegex("^YUE_(SERVICE_HOST|SERVICE_PORT|PORT)(_|$)")]
    private static partial Regex KubernetesVariable();
}
