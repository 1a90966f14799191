using System.Collections;
using Yue.Engine;

namespace YueService.Settings;

/// <summary>Settings from <c>YUE_…</c> environment variables.</summary>
/// <remarks>
/// After the prefix comes the setting's name in any letter case, its words joined or separated by one underscore; a double
/// underscore goes one level down: <c>YUE_QUEUE_CAPACITY</c> is <c>Yue:QueueCapacity</c>, <c>YUE_Stage1__en</c> is
/// <c>Yue:Stage1:en</c>. As most models' names (<c>en-cot</c>) cannot be part of a variable's, <c>YUE_STAGE1</c> alone takes
/// <c>NAME=FOLDER</c>, several separated by semicolons. An empty variable counts as absent, and one that names no setting is left to others.
/// </remarks>
internal static class EnvironmentSettings
{
    private const string Prefix = "YUE_";

    /// <summary>The settings among a process's environment variables.</summary>
    public static IEnumerable<KeyValuePair<string, string?>> Read(IDictionary variables)
    {
        foreach (DictionaryEntry variable in variables)
        {
            var name = (string)variable.Key;
            if (!name.StartsWith(Prefix, StringComparison.Ordinal) || variable.Value is not string { Length: > 0 } value)
            {
                continue;
            }

            var parts = name[Prefix.Length..].Split("__");
            if (!SettingNames.All.TryGetValue(parts[0].Replace("_", "", StringComparison.Ordinal), out var setting))
            {
                continue;
            }

            if (setting == nameof(EngineOptions.Stage1) && parts.Length == 1)
            {
                foreach (var model in value.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
                {
                    var pair = model.Split('=', 2);
                    yield return new(string.Join(':', EngineOptions.Section, setting, pair[0].Trim()), pair.Length == 2 ? pair[1].Trim() : "");
                }
            }
            else
            {
                yield return new(string.Join(':', [EngineOptions.Section, setting, .. parts[1..]]), value);
            }
        }
    }
}
