using System.Text.Json;

namespace YueService.Downloads;

/// <summary>The revision, size and hash of a pulled file.</summary>
internal sealed record LockedFile(string Revision, long Size, string Sha256);

/// <summary><c>models.lock.json</c> in the models folder: the size and hash of every pulled file, which later pulls must match.</summary>
internal sealed class ModelLock
{
    private const string FileName = "models.lock.json";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.General)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        WriteIndented = true,
    };

    private readonly string _path;
    private readonly SortedDictionary<string, LockedFile> _files;

    private ModelLock(string path, SortedDictionary<string, LockedFile> files) => (_path, _files) = (path, files);

    /// <summary>Reads the lock of a models folder; empty if there is none.</summary>
    /// <exception cref="InvalidDataException">The file is invalid.</exception>
    public static ModelLock Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        try
        {
            var files = File.Exists(path)
                ? JsonSerializer.Deserialize<SortedDictionary<string, LockedFile>>(File.ReadAllBytes(path), Json)
                : null;
            return new(path, new SortedDictionary<string, LockedFile>(files ?? [], StringComparer.Ordinal));
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path} is not a lock file: {e.Message} Remove it to record the files again.", e);
        }
    }

    /// <summary>Returns the record of a file that was pulled at a revision; null if there is none.</summary>
    /// <param name="name">The file's path inside the models folder, with '/' between the parts.</param>
    /// <param name="revision">The commit.</param>
    public LockedFile? Find(string name, string revision) =>
        _files.TryGetValue(name, out var file) && file.Revision == revision ? file : null;

    /// <summary>Records a file immediately.</summary>
    public void Add(string name, LockedFile file)
    {
        _files[name] = file;
        Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
        File.WriteAllBytes(_path + ".new", JsonSerializer.SerializeToUtf8Bytes(_files, Json));
        File.Move(_path + ".new", _path, overwrite: true);
    }
}
