using System.Collections;
using System.Text.Json;
using System.Text.RegularExpressions;
using Yue.Engine.Scheduling;

namespace YueService.Settings;

/// <summary>Settings from <c>YUE_…</c> environment variables.</summary>
/// <remarks>
/// After the prefix comes the setting's name in any letter case, its words joined or separated by one underscore; a double
/// underscore goes one level down: <c>YUE_QUEUE_CAPACITY</c> is <c>Yue:QueueCapacity</c>, <c>YUE_Stage1__en</c> is
/// <c>Yue:Stage1:en</c>. As most models' names (<c>en-cot</c>) cannot be part of a variable's, <c>YUE_STAGE1</c> alone takes
/// <c>NAME=FOLDER</c>, several separated by semicolons. An empty variable counts as absent. One that names no setting is ignored
/// with a warning.
/// </remarks>
internal static partial class EnvironmentSettings
{
    private const string Prefix = "YUE_";

    /// <summary>Variables that are no settings and yet known: the default of the cache folder, and the golden files of the tests.</summary>
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

            if (setting == nameof(EngineOptions.Stage1) && parts.Length == 1)
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
                // Below Webhooks there are settings again, and elsewhere names that users choose.
                var names = setting == nameof(WebhookOptions.Webhooks)
                    ? parts[1..].Select(name => name.Replace("_", "", StringComparison.Ordinal))
                    : parts[1..];
                yield return new(string.Join(':', [EngineOptions.Section, setting, .. names]), value);
            }
        }
    }

    /// <summary>Returns the variables that look like settings and name none, each with the closest one that does; null if none is
    /// near.</summary>
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

    /// <summary>Kubernetes sets these in every pod beside a service called yue.</summary>
    [GeneratedRegex("^YUE_(SERVICE_HOST|SERVICE_PORT|PORT)(_|$)")]
    private static partial Regex KubernetesVariable();
}
