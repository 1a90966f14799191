using Yue.Engine.Weights;

namespace YueService.Downloads;

/// <summary>A file that a profile needs, in a models folder.</summary>
/// <param name="Checkpoint">The checkpoint that it belongs to.</param>
/// <param name="File">The manifest's entry.</param>
/// <param name="Path">The path of the finished file.</param>
internal sealed record ModelFile(ManifestCheckpoint Checkpoint, ManifestFile File, string Path)
{
    /// <summary>The checkpoint's folder and the file's path in it, relative to the models folder.</summary>
    public string Name => $"{Checkpoint.Folder}/{File.Path}";

    public HubFile OnHub => new(Checkpoint.Repository, Checkpoint.Revision, File.Path);

    /// <summary>Returns the required content, from the manifest and the record of the first pull.</summary>
    public ExpectedContent Expected(ModelLock locked)
    {
        var before = locked.Find(Name, Checkpoint.Revision);
        return new(File.Size ?? before?.Size, File.Sha256 ?? before?.Sha256, File.AboutBytes);
    }

    /// <summary>Returns whether the whole file exists: it has been pulled with the hash in the manifest, and has the recorded size. The
    /// content is not hashed again, because only verified files get their final name.</summary>
    public bool Exists(ModelLock locked) =>
        locked.Find(Name, Checkpoint.Revision) is { } before
        && new FileInfo(Path) is { Exists: true } file
        && file.Length == before.Size
        && (File.Sha256 ?? before.Sha256) == before.Sha256;
}

/// <summary>A folder of downloaded checkpoints.</summary>
internal sealed class ModelFolder(string path, ModelManifest manifest)
{
    /// <summary><c>$XDG_DATA_HOME/yue/models</c>, or <c>~/.local/share/yue/models</c> if the variable is not set.</summary>
    public static string Default => System.IO.Path.Combine(
        Environment.GetEnvironmentVariable("XDG_DATA_HOME") is { Length: > 0 } data
            ? data
            : System.IO.Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "share"),
        "yue",
        "models");

    public string Path { get; } = System.IO.Path.GetFullPath(path);

    public ModelManifest Manifest => manifest;

    /// <summary>Returns the files of a profile, with the small files of each checkpoint first.</summary>
    public IReadOnlyList<ModelFile> FilesOf(string profile) =>
        [.. manifest.CheckpointsOf(profile).SelectMany(checkpoint => checkpoint.Files
            .OrderBy(file => file.ExpectedBytes)
            .Select(file => new ModelFile(checkpoint, file, PathOf(checkpoint, file))))];

    /// <summary>Returns the missing files of a profile.</summary>
    public IReadOnlyList<ModelFile> MissingOf(string profile)
    {
        var locked = ModelLock.Read(Path);
        return [.. FilesOf(profile).Where(file => !file.Exists(locked))];
    }

    /// <summary>Returns whether the folder has a file of the profile. If the profile has a song model, only the files of that model count,
    /// because profiles share the other files.</summary>
    public bool HasBegun(string profile) => FilesOf(profile)
        .Any(file => File.Exists(file.Path) && (file.Checkpoint.IsSongModel || !manifest.IsWhole(profile)));

    /// <summary>Returns the environment variables that make the service use a complete profile.</summary>
    public IEnumerable<string> SettingsOf(string profile)
    {
        var checkpoints = manifest.CheckpointsOf(profile).ToList();
        return checkpoints.Select(Line).OfType<string>();

        string? Line(ManifestCheckpoint checkpoint)
        {
            var folder = System.IO.Path.Combine(Path, checkpoint.Folder);
            return checkpoint.Role switch
            {
                CheckpointRole.Stage1 or CheckpointRole.Yue2 => $"YUE_STAGE1='{checkpoint.Model}={folder}'",
                CheckpointRole.Stage2 => $"YUE_STAGE2='{folder}'",
                CheckpointRole.Codec => $"YUE_CODEC='{folder}'",
                CheckpointRole.Vae => $"YUE_VAE='{folder}'",
                _ => null,
            };
        }
    }

    private string PathOf(ManifestCheckpoint checkpoint, ManifestFile file) =>
        System.IO.Path.Combine([Path, checkpoint.Folder, .. file.Path.Split('/')]);
}
