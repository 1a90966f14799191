using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace YueService.Tests.Docs;

/// <summary>A NuGet package that ships with the service.</summary>
/// <param name="Name">The id. In the id of a platform-specific package, a star replaces the platform.</param>
/// <param name="Version">The version.</param>
/// <param name="License">The SPDX expression; null if it is not known.</param>
/// <param name="Copyright">The copyright line of the package, or its authors.</param>
internal sealed record ShippedPackage(string Name, string Version, string? License, string Copyright);

/// <summary>Reads the packages that a project ships, and their licenses, from the files that NuGet restored.</summary>
internal static partial class PackageList
{
    /// <summary>Returns the packages that a project ships, including indirect dependencies, sorted by name.</summary>
    /// <param name="projectFolder">The folder of the project, which must have been restored.</param>
    public static IReadOnlyList<ShippedPackage> Of(string projectFolder)
    {
        using var assets = JsonDocument.Parse(File.ReadAllText(Path.Combine(projectFolder, "obj", "project.assets.json")));
        string[] folders = [.. assets.RootElement.GetProperty("packageFolders").EnumerateObject().Select(folder => folder.Name)];
        var target = assets.RootElement.GetProperty("targets").EnumerateObject().First().Value;
        var buildOnly = BuildOnly(assets.RootElement.GetProperty("project"));
        return
        [
            .. target.EnumerateObject()
                .Where(library => library.Value.GetProperty("type").GetString() == "package")
                .Where(library => !buildOnly.Contains(library.Name.Split('/')[0]))
                .Select(library => Read(folders, library.Name.Split('/')))
                .OrderBy(package => package.Name, StringComparer.OrdinalIgnoreCase),
        ];
    }

    /// <summary>Returns the packages that only the build uses, such as MinVer.</summary>
    private static HashSet<string> BuildOnly(JsonElement project) =>
    [
        .. project.GetProperty("frameworks").EnumerateObject()
            .SelectMany(framework => framework.Value.GetProperty("dependencies").EnumerateObject())
            .Where(package => package.Value.TryGetProperty("suppressParent", out var assets) && assets.GetString() == "All")
            .Select(package => package.Name),
    ];

    private static ShippedPackage Read(string[] folders, string[] nameAndVersion)
    {
        var (name, version) = (nameAndVersion[0], nameAndVersion[1]);
        var id = name.ToLowerInvariant();
        var folder = folders.Select(root => Path.Combine(root, id, version)).First(Directory.Exists);
        var metadata = XDocument.Load(Path.Combine(folder, $"{id}.nuspec")).Root!.Elements().Single();
        string? Value(string element) => metadata.Elements().FirstOrDefault(child => child.Name.LocalName == element)?.Value;
        var license = metadata.Elements().FirstOrDefault(child => child.Name.LocalName == "license");
        return new ShippedPackage(
            Platform().Replace(name, "-*"),
            version,
            license?.Attribute("type")?.Value switch
            {
                "expression" => license.Value,
                "file" => Recognize(File.ReadAllText(Path.Combine(folder, license.Value.Replace('\\', '/')))),
                _ => null,
            },
            Spaces().Replace(Value("copyright") is { Length: > 0 } copyright ? copyright : Value("authors") ?? "", " ").Trim());
    }

    /// <summary>Identifies a license by its text; returns null for an unknown one.</summary>
    private static string? Recognize(string text) => Spaces().Replace(text, " ") switch
    {
        var plain when plain.Contains("Permission is hereby granted, free of charge", StringComparison.Ordinal) => "MIT",
        var plain when plain.Contains("Neither the name of", StringComparison.Ordinal)
            && plain.Contains("Redistribution and use in source and binary forms", StringComparison.Ordinal) => "BSD-3-Clause",
        _ => null,
    };

    [GeneratedRegex("-(linux|osx|win)-(x64|arm64)$")]
    private static partial Regex Platform();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();
}
