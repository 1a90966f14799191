using System.Text.RegularExpressions;

namespace YueService.Tests.Docs;

/// <summary>The table in CONTRIBUTING.md that lists the allowed dependencies of each folder.</summary>
/// <remarks>Each row is <c>| `folder` | `name`, `name/*` |</c>. A name is looked up like a namespace: in the row's folder, next to it, and
/// then in the parent folders. <c>name/*</c> is a folder and everything in it. A row names only folders of rows above it, so that there are
/// no circular dependencies.</remarks>
internal sealed partial class RoomTable
{
    private const string Below = "/*";

    private readonly Dictionary<string, Dictionary<string, HashSet<string>>> _allowed = [];
    private readonly List<string> _faults = [];

    /// <summary>Reads the table.</summary>
    /// <param name="markdown">Text with the rows.</param>
    public RoomTable(string markdown)
    {
        var rows = Row().Matches(markdown).Select(row => (Folder: row.Groups[1].Value, Names: row.Groups[2].Value)).ToList();
        foreach (var (folder, _) in rows)
        {
            if (!_allowed.TryAdd(folder, []))
            {
                _faults.Add($"{folder} has two rows");
            }
        }

        var above = new HashSet<string>();
        foreach (var (folder, names) in rows)
        {
            foreach (var name in Name().Matches(names).Select(match => match.Groups[1].Value))
            {
                var used = Find(folder, name);
                _allowed[folder][name] = used;
                var fault = used.Count == 0 ? "has no row" : used.All(above.Contains) ? null : "is not above it";
                if (fault is not null)
                {
                    _faults.Add($"the row of {folder} names {name}, which {fault}");
                }
            }

            above.Add(folder);
        }
    }

    /// <summary>Returns the errors of the table: duplicate rows of a folder, rows of folders without types, folders without a row, names
    /// without a row, and names whose row is not above the row that uses them. Every circular dependency causes an error of the last
    /// kind.</summary>
    /// <param name="folders">The folders that contain types.</param>
    public IEnumerable<string> RowFaults(IReadOnlyCollection<string> folders) =>
    [
        .. _faults,
        .. _allowed.Keys.Except(folders).Select(row => $"{row} contains no types"),
        .. folders.Except(_allowed.Keys).Select(folder => $"{folder} has no row"),
    ];

    /// <summary>Returns the dependencies that the table does not allow.</summary>
    public IEnumerable<string> Forbidden(IEnumerable<RoomUse> uses) =>
        from use in uses
        where !_allowed.TryGetValue(use.Folder, out var names) || !names.Values.Any(folders => folders.Contains(use.UsedFolder))
        select $"{use.User} uses {use.Used}, but {use.Folder} may not use {use.UsedFolder}";

    /// <summary>Returns the names in the table that no dependency needs.</summary>
    public IEnumerable<string> Unneeded(IEnumerable<RoomUse> uses)
    {
        var used = uses.Select(use => (use.Folder, use.UsedFolder)).ToHashSet();
        return from row in _allowed
               from name in row.Value
               where !name.Value.Any(folder => used.Contains((row.Key, folder)))
               select $"{row.Key} may use {name.Key}, but does not";
    }

    private HashSet<string> Find(string row, string name)
    {
        var isWide = name.EndsWith(Below, StringComparison.Ordinal);
        var plain = isWide ? name[..^Below.Length] : name;
        return Upward(row)
            .Select(folder => $"{folder}/{plain}")
            .Append(plain)
            .Select(found => _allowed.Keys.Where(other => isWide ? other != row && Upward(other).Contains(found) : other == found))
            .FirstOrDefault(folders => folders.Any())?
            .ToHashSet() ?? [];
    }

    /// <summary>Returns a folder and its parents.</summary>
    private static IEnumerable<string> Upward(string folder)
    {
        for (; folder.Length > 0; folder = folder[..Math.Max(0, folder.LastIndexOf('/'))])
        {
            yield return folder;
        }
    }

    [GeneratedRegex(@"^\| `([\w./]+)` \| (.*) \|\r?$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"`([\w./]+(?:/\*)?)`")]
    private static partial Regex Name();
}
