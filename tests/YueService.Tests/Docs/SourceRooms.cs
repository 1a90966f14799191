using System.Text.RegularExpressions;
using YueService.Tests.EndToEnd;

namespace YueService.Tests.Docs;

/// <summary>Reads namespaces and <c>using</c> lines from the files in src. The build rejects unused <c>using</c> lines.</summary>
internal static partial class SourceRooms
{
    /// <summary>The files whose namespace does not match their folder. A file in a project's root may have no namespace.</summary>
    public static IEnumerable<string> Misplaced =>
        from file in Files()
        let found = Namespace().Match(file.Text)
        where found.Success ? CompiledRooms.FolderOf(found.Groups[1].Value) != file.Folder : file.Folder.Contains('/')
        select file.Path;

    /// <summary>One use for each <c>using</c> line that names the namespace of another folder.</summary>
    public static IEnumerable<RoomUse> Uses =>
        from file in Files()
        from line in Using().Matches(file.Text)
        let namespaceName = line.Groups[1].Value
        let used = CompiledRooms.FolderOf(namespaceName)
        where used is not null && used != file.Folder
        select new RoomUse(file.Folder, file.Path, used, namespaceName);

    private static IEnumerable<(string Path, string Folder, string Text)> Files()
    {
        var source = Path.Combine(DemoProcess.Repository, "src");
        return CompiledRooms.Projects
            .SelectMany(project => Directory.EnumerateFiles(Path.Combine(source, project), "*.cs", SearchOption.AllDirectories))
            .Select(file => Path.GetRelativePath(source, file).Replace('\\', '/'))
            .Where(file => !file.Split('/').Any(part => part is "bin" or "obj"))
            .Select(file => (file, Path.GetDirectoryName(file)!.Replace('\\', '/'), File.ReadAllText(Path.Combine(source, file))));
    }

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"^using ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Using();
}
