using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Yue.Engine.Audio;
using Yue.Engine.Songs;
using YueService.Jobs.Audio;

namespace YueService.Jobs;

/// <summary>The files of finished songs: one folder per song, with <c>mix.wav</c>, the stems, files in other formats,
/// <c>codes.json</c> and <c>song.json</c>.</summary>
/// <remarks>
/// A song's folder is written under another name and renamed when it is complete; it is renamed away before it is deleted. So a
/// folder under its own name is complete at any instant, even if the process is killed. File errors are <see cref="StorageException"/>.
/// A file that cannot be understood counts as missing, and the log names the job.
/// </remarks>
internal sealed partial class SongFolder(StateFolder state, ILogger<SongFolder> logger)
{
    /// <summary>The track that every song has.</summary>
    public const string Mix = "mix";

    /// <summary>A track of a song with stems.</summary>
    public const string Vocal = "vocal";

    /// <inheritdoc cref="Vocal"/>
    public const string Instrumental = "instrumental";

    private const string Writing = ".writing-";
    private const string Removing = ".removing-";
    private const string PartExtension = ".part";
    private const string Description = "song.json";
    private const string Codes = "codes.json";
    private readonly string _root = state["songs"];

    /// <summary>Returns the tracks of a song.</summary>
    public static IReadOnlyList<string> TracksOf(bool hasStems) => hasStems ? [Mix, Vocal, Instrumental] : [Mix];

    /// <summary>Called before each step of a write sequence. Tests make it throw where a process may die or a disk may be full.</summary>
    public Action<string>? Reached { get; set; }

    /// <summary>Puts a song in place, all of it or nothing.</summary>
    /// <param name="id">The job.</param>
    /// <param name="song">Kept beside the files, so that a song whose row was not written is not lost.</param>
    /// <param name="codes">The stage-1 codes, which later songs can continue.</param>
    /// <param name="tracks">WAV files by track.</param>
    /// <returns>The song with the sizes of its files.</returns>
    public SongOnDisk Write(string id, StoredSong song, SongCodes codes, IReadOnlyCollection<KeyValuePair<string, byte[]>> tracks)
    {
        state.Claim();
        var files = tracks.ToDictionary(track => FileName(track.Key, AudioFormat.Wav), track => track.Value, StringComparer.Ordinal);
        files[Codes] = Encoding.UTF8.GetBytes(JobRows.ToJson(codes));
        var stored = new SongOnDisk(song, files.ToDictionary(file => file.Key, file => (long)file.Value.Length, StringComparer.Ordinal));
        files[Description] = Encoding.UTF8.GetBytes(Describe(stored));
        return StorageFaults.Guard(() =>
        {
            try
            {
                WriteFiles(id, files);
                return stored;
            }
            catch (Exception e) when (StorageFaults.IsFileError(e))
            {
                TryDelete(At(Writing + id));
                throw;
            }
        });
    }

    /// <summary>Returns a song whose folder is in place with every file whole; null otherwise.</summary>
    public SongOnDisk? Find(string id) => StorageFaults.Guard(() =>
        Read(id, Description, json => ParseDescription(id, json)) is { } song && song.Files.All(file => SizeOf(id, file.Key) == file.Value)
            ? song
            : null);

    /// <summary>Returns a song's codes; null if the file is missing or damaged, or an earlier release wrote the song.</summary>
    public SongCodes? FindCodes(string id) => StorageFaults.Guard(() => Read(id, Codes, JobRows.FromJson<SongCodes>));

    /// <summary>Opens a file of a song; null when there is none.</summary>
    /// <param name="id">The job.</param>
    /// <param name="track">The track.</param>
    /// <param name="format">The file's format.</param>
    /// <param name="sizes">The stored sizes by file name; null when an earlier release stored the song.</param>
    public SongFile? Open(string id, string track, AudioFormat format, IReadOnlyDictionary<string, long>? sizes) =>
        StorageFaults.Guard(() =>
    {
        var name = FileName(track, format);
        try
        {
            var content = new FileStream(
                Path.Combine(At(id), name),
                new FileStreamOptions { Share = FileShare.Read | FileShare.Delete, Options = FileOptions.Asynchronous });
            var isWhole = sizes is not null && sizes.TryGetValue(name, out var bytes) ? content.Length == bytes
                : format == AudioFormat.Wav && IsWholeWav(content);
            return new SongFile(name, content, isWhole);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    });

    /// <summary>Adds a file in another format to a song that is in place.</summary>
    /// <returns>The file's name.</returns>
    public string Add(string id, string track, AudioFormat format, byte[] file)
    {
        state.Claim();
        return StorageFaults.Guard(() =>
        {
            var name = FileName(track, format);
            var part = Path.Combine(At(id), $"{name}.{Guid.NewGuid():N}{PartExtension}");
            try
            {
                WriteThrough(part, file);
                Reached?.Invoke("add");
                File.Move(part, Path.Combine(At(id), name), overwrite: true);
                return name;
            }
            catch (Exception e) when (StorageFaults.IsFileError(e))
            {
                File.Delete(part);
                throw;
            }
        });
    }

    /// <summary>Deletes a song.</summary>
    public void Delete(string id) => StorageFaults.Guard(() =>
    {
        Reached?.Invoke("hide");
        if (Directory.Exists(At(id)))
        {
            DeleteIfThere(At(Removing + id));
            Directory.Move(At(id), At(Removing + id));
        }

        Reached?.Invoke("delete");
        DeleteIfThere(At(Removing + id));
        return true;
    });

    /// <summary>Returns the jobs whose songs were being deleted when an earlier process died.</summary>
    public IReadOnlyList<string> FindHidden() => StorageFaults.Guard(() =>
    {
        Directory.CreateDirectory(_root);
        return Directory.GetDirectories(_root, Removing + "*").Select(folder => Path.GetFileName(folder)[Removing.Length..]).ToList();
    });

    /// <summary>Deletes what an earlier process left: partial and hidden folders, partial files, and songs without a row.</summary>
    /// <param name="jobs">The jobs that have a row.</param>
    /// <param name="keepUnknown">Keeps songs without a row: the database is
    /// new, and the songs may be all that is left of an old one.</param>
    public void Sweep(IReadOnlySet<string> jobs, bool keepUnknown) => StorageFaults.Guard(() =>
    {
        foreach (var folder in Directory.GetDirectories(_root))
        {
            var name = Path.GetFileName(folder);
            var isUnknown = IsJobId(name) && !jobs.Contains(name);
            if (isUnknown && keepUnknown)
            {
                LogUnknown(name);
            }
            else if (isUnknown || name.StartsWith(Writing, StringComparison.Ordinal) || name.StartsWith(Removing, StringComparison.Ordinal))
            {
                TryDelete(folder);
            }
            else
            {
                foreach (var part in Directory.GetFiles(folder, "*" + PartExtension))
                {
                    File.Delete(part);
                }
            }
        }

        return true;
    });

    /// <summary>Returns the bytes that a song takes.</summary>
    public long BytesOf(string id) => StorageFaults.Guard(() =>
        Directory.Exists(At(id)) ? new DirectoryInfo(At(id)).EnumerateFiles().Sum(file => file.Length) : 0);

    /// <summary>Returns the content of <c>song.json</c>.</summary>
    public static string Describe(SongOnDisk song) => JobRows.ToJson(new DescriptionRow(SongRow.Of(song.Song), song.Files));

    private void WriteFiles(string id, Dictionary<string, byte[]> files)
    {
        var folder = At(Writing + id);
        Reached?.Invoke("create");
        Directory.CreateDirectory(folder);
        foreach (var (name, bytes) in files)
        {
            Reached?.Invoke($"write {name}");
            WriteThrough(Path.Combine(folder, name), bytes);
        }

        Reached?.Invoke("rename");
        DeleteIfThere(At(id));
        Directory.Move(folder, At(id));
        Reached?.Invoke("renamed");
    }

    /// <summary>Reads a description. One of an earlier release has no sizes: they are then those of the files that lie there.</summary>
    private SongOnDisk ParseDescription(string id, string json)
    {
        using var document = JsonDocument.Parse(json);
        if (document.RootElement.TryGetProperty("song", out _))
        {
            var (row, files) = JobRows.FromJson<DescriptionRow>(json);
            return new(row.ToSong(), files);
        }

        var song = JobRows.FromJson<SongRow>(json).ToSong();
        var names = song.Tracks.Select(track => FileName(track, AudioFormat.Wav)).ToList();
        foreach (var name in names)
        {
            using var file = File.OpenRead(Path.Combine(At(id), name));
            if (!IsWholeWav(file))
            {
                throw new FormatException($"{name} is not complete.");
            }
        }

        return new(song, names.ToDictionary(name => name, name => SizeOf(id, name)!.Value, StringComparer.Ordinal));
    }

    private T? Read<T>(string id, string file, Func<string, T> parse)
        where T : class
    {
        try
        {
            return parse(File.ReadAllText(Path.Combine(At(id), file)));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (JobRows.IsDamage(e))
        {
            LogDamaged(e, file, id);
            return null;
        }
    }

    private long? SizeOf(string id, string name) =>
        new FileInfo(Path.Combine(At(id), name)) is { Exists: true, Length: var bytes } ? bytes : null;

    /// <summary>Returns whether a file of an earlier release, whose size was not stored, has the length that its own header says.</summary>
    private static bool IsWholeWav(FileStream file)
    {
        Span<byte> header = stackalloc byte[8];
        return RandomAccess.Read(file.SafeFileHandle, header, 0) == header.Length
            && header[..4].SequenceEqual("RIFF"u8)
            && BinaryPrimitives.ReadUInt32LittleEndian(header[4..]) + header.Length == file.Length;
    }

    private static bool IsJobId(string name) => name.Length == 32 && name.All(char.IsAsciiHexDigitLower);

    private static string FileName(string track, AudioFormat format) => $"{track}.{format.Name()}";

    private static void WriteThrough(string path, byte[] bytes)
    {
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write);
        file.Write(bytes);
        file.Flush(flushToDisk: true);
    }

    private static void DeleteIfThere(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Deletes a folder that nothing depends on; the next start tries again.</summary>
    private void TryDelete(string folder)
    {
        try
        {
            DeleteIfThere(folder);
        }
        catch (Exception e) when (StorageFaults.IsFileError(e))
        {
            LogLeft(e, Path.GetFileName(folder));
        }
    }

    private string At(string name) => Path.Combine(_root, name);

    /// <summary>The JSON of <c>song.json</c>.</summary>
    private sealed record DescriptionRow(SongRow Song, IReadOnlyDictionary<string, long> Files);

    [LoggerMessage(LogLevel.Error, "{File} of job {JobId} is damaged and counts as missing")]
    private partial void LogDamaged(Exception exception, string file, string jobId);

    [LoggerMessage(LogLevel.Warning, "The database is new, and the song of job {JobId} is not in it. The next start deletes the song")]
    private partial void LogUnknown(string jobId);

    [LoggerMessage(LogLevel.Warning, "The leftover folder {Folder} could not be deleted")]
    private partial void LogLeft(Exception exception, string folder);
}

/// <summary>An open file of a song.</summary>
/// <param name="Name">The file's name.</param>
/// <param name="Content">The file from its beginning.</param>
/// <param name="IsWhole">Whether the file has the size that it was written with.</param>
internal sealed record SongFile(string Name, FileStream Content, bool IsWhole);
