using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace Yue.Engine.Weights;

/// <summary>The role of a checkpoint.</summary>
public enum CheckpointRole
{
    Stage1,
    Stage2,
    Codec,
    Vocoders,
    Yue2,
    Vae,
}

/// <summary>One file of a checkpoint.</summary>
public sealed record ManifestFile
{
    /// <summary>The path in its repository and in the checkpoint's folder, with '/' as the separator.</summary>
    public required string Path { get; init; }

    /// <summary>The exact number of bytes; null if it is not known.</summary>
    public long? Size { get; init; }

    /// <summary>The approximate number of bytes if the exact number is not known.</summary>
    public long? AboutBytes { get; init; }

    /// <summary>The SHA-256 of the content in lowercase hex; null if it is not known.</summary>
    public string? Sha256 { get; init; }

    /// <summary>The file's size on disk, as far as it is known.</summary>
    [JsonIgnore]
    public long ExpectedBytes => Size ?? AboutBytes ?? 0;
}

/// <summary>The files of one checkpoint, from one revision of one repository.</summary>
public sealed record ManifestCheckpoint
{
    public required CheckpointRole Role { get; init; }

    /// <summary>The name that requests use; null for a checkpoint that requests cannot name.</summary>
    public string? Model { get; init; }

    /// <summary>True if requests can name the checkpoint.</summary>
    [JsonIgnore]
    public bool IsSongModel => Role is CheckpointRole.Stage1 or CheckpointRole.Yue2;

    public required string About { get; init; }

    /// <summary>The owner and name of the repository on the hub.</summary>
    public required string Repository { get; init; }

    /// <summary>The commit, 40 hex digits.</summary>
    public required string Revision { get; init; }

    /// <summary>The folder inside the models folder.</summary>
    public required string Folder { get; init; }

    public required string Licence { get; init; }

    /// <summary>The facts about the license that a user has to accept before a download; null if there are none.</summary>
    public string? Terms { get; init; }

    public required IReadOnlyList<ManifestFile> Files { get; init; }
}

/// <summary>An optional kind of model that users provide themselves. It is never downloaded.</summary>
public sealed record UserSuppliedModel
{
    public required string About { get; init; }

    /// <summary>The setting that names its file.</summary>
    public required string Setting { get; init; }

    /// <summary>The sources of such models and the terms of use that their authors state.</summary>
    public required string Licence { get; init; }

    /// <summary>The owners and names of repositories that contain such models.</summary>
    public required IReadOnlyList<string> Repositories { get; init; }
}

/// <summary>The manifest <c>models.json</c>, which lists the source, size and hash of every checkpoint file (docs/model.md 1).</summary>
public sealed partial record ModelManifest
{
    /// <summary>The roles of the checkpoints that a song needs in addition to the requested one, whose role is the key.</summary>
    private static readonly Dictionary<CheckpointRole, CheckpointRole[]> Needed = new()
    {
        [CheckpointRole.Stage1] = [CheckpointRole.Stage2, CheckpointRole.Codec, CheckpointRole.Vocoders],
        [CheckpointRole.Yue2] = [CheckpointRole.Vae],
    };

    /// <summary>The file name of the manifest in the program's folder.</summary>
    public const string FileName = "models.json";

    private const int MaxBytes = 1 << 20;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.General)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
        RespectNullableAnnotations = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
    };

    /// <summary>The hub's base address.</summary>
    public required Uri Hub { get; init; }

    public IReadOnlyList<string> Notes { get; init; } = [];

    public IReadOnlyList<string> Licences { get; init; } = [];

    /// <summary>The checkpoints by name.</summary>
    public required IReadOnlyDictionary<string, ManifestCheckpoint> Checkpoints { get; init; }

    /// <summary>The profiles by name. Each one lists the names of checkpoints that are downloaded together: all or some of those that
    /// songs made with one model need.</summary>
    public required IReadOnlyDictionary<string, IReadOnlyList<string>> Profiles { get; init; }

    /// <summary>Optional models by name.</summary>
    public IReadOnlyDictionary<string, UserSuppliedModel> UserSupplied { get; init; } = new Dictionary<string, UserSuppliedModel>();

    /// <summary>Reads the manifest that ships with the program.</summary>
    public static ModelManifest LoadDefault() => Load(System.IO.Path.Combine(AppContext.BaseDirectory, FileName));

    /// <summary>Reads a manifest. Throws <see cref="CheckpointException"/> if it is invalid.</summary>
    public static ModelManifest Load(string file)
    {
        try
        {
            var manifest = JsonSerializer.Deserialize<ModelManifest>(SmallFile.Read(file, MaxBytes), Json)
                ?? throw new CheckpointException(file, "the manifest is null");
            manifest.Check(file);
            return manifest;
        }
        catch (JsonException error)
        {
            throw new CheckpointException(file, $"is not a manifest: {error.Message}", error);
        }
    }

    /// <summary>Returns the checkpoints of a profile.</summary>
    public IEnumerable<ManifestCheckpoint> CheckpointsOf(string profile) => Profiles[profile].Select(name => Checkpoints[name]);

    /// <summary>Returns true if a profile has every model that a song needs.</summary>
    public bool IsWhole(string profile) => CheckpointsOf(profile).Any(checkpoint => checkpoint.IsSongModel);

    private void Check(string file)
    {
        foreach (var (name, checkpoint) in Checkpoints)
        {
            Require(HexRevision().IsMatch(checkpoint.Revision), $"{name}: revision {checkpoint.Revision} is not a full commit hash");
            Require(RepositoryName().IsMatch(checkpoint.Repository), $"{name}: {checkpoint.Repository} is not owner/name");
            Require(IsPlainPath(checkpoint.Folder), $"{name}: {checkpoint.Folder} is not a plain folder name");
            Require(
                checkpoint.IsSongModel == checkpoint.Model is not null,
                $"{name}: checkpoints of stage 1 and YuE 2 must have a model name, and other checkpoints must not");
            foreach (var entry in checkpoint.Files)
            {
                Require(IsPlainPath(entry.Path), $"{name}: {entry.Path} is not a plain relative path");
                Require(entry.Size is null or > 0 && entry.AboutBytes is null or > 0, $"{name}: {entry.Path} has a size below 1");
                Require(
                    entry.Sha256 is null || HexSha256().IsMatch(entry.Sha256),
                    $"{name}: {entry.Path} has a sha256 that is not 64 hex digits");
            }
        }

        foreach (var (profile, names) in Profiles)
        {
            Require(names.All(Checkpoints.ContainsKey), $"profile {profile} names a checkpoint that is not listed");
            Require(
                names.Count(name => Checkpoints[name].IsSongModel) <= 1,
                $"profile {profile} has more than one checkpoint that requests can name");
            Require(
                CheckpointsOf(profile).Where(one => one.IsSongModel).All(
                    one => Needed[one.Role].All(role => CheckpointsOf(profile).Any(other => other.Role == role))),
                $"profile {profile} has a checkpoint that requests can name, but not all checkpoints that its songs need");
        }

        void Require(bool holds, string fault)
        {
            if (!holds)
            {
                throw new CheckpointException(file, fault);
            }
        }
    }

    /// <summary>Returns true if a path stays below the folder that it is joined to, on every operating system.</summary>
    private static bool IsPlainPath(string path) => path.Split('/').All(part => PathPart().IsMatch(part));

    [GeneratedRegex(@"^[0-9a-f]{40}\z")]
    private static partial Regex HexRevision();

    [GeneratedRegex(@"^[0-9a-f]{64}\z")]
    private static partial Regex HexSha256();

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*\z")]
    private static partial Regex RepositoryName();

    [GeneratedRegex(@"^[A-Za-z0-9_][A-Za-z0-9._-]*\z")]
    private static partial Regex PathPart();
}
