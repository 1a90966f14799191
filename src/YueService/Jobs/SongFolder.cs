using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Yue.Engine.Audio;
using Yue.Engine.Songs;
using YueService.Jobs.Audio;

namespace YueService.Jobs;

/// <summary>The files of finished songs: one folder per song, with <c>mix.wav</c>, the stems, files in other formats,
/// <c>codes.json</c> and <c>song.json</c>.</summary>
/// <remarks>
/// <c>song.json</c> is written last, so a folder that contains it is complete. File errors are thrown as <see cref="StorageException"/>. A
/// file that cannot be parsed counts as missing, and the log names the job.
/// </remarks>
internal sealed partial class SongFolder(IFileStore files, ILogger<SongFolder> logger)
{
    /// <summary>The track that every song has, unless it is only a score.</summary>
    public const string Mix = "mix";

    /// <summary>A track of a song with stems.</summary>
    public const string Vocal = "vocal";

    /// <inheritdoc cref="Vocal"/>
    public const string Instrumental = "instrumental";

    private const string Root = "songs/";
    private const string Description = "song.json";
    private const string Codes = "codes.json";

    // Prefixes of folders that earlier releases were writing or removing.
    private const string Writing = ".writing-";
    private const string Removing = ".removing-";

    /// <summary>Returns the tracks of a song.</summary>
    public static IReadOnlyList<string> TracksOf(bool hasStems) => hasStems ? [Mix, Vocal, Instrumental] : [Mix];

    /// <summary>Called at each step of writing or deleting a song. Tests make it throw to simulate a killed process or a full
    /// disk.</summary>
    public Action<string>? Reached { get; set; }

    /// <summary>Writes a song atomically.</summary>
    /// <param name="job">The job.</param>
    /// <param name="song">The song's data, stored with the files so that a song whose row was not written is not lost.</param>
    /// <param name="codes">The stage-1 codes, which later songs can continue.</param>
    /// <param name="tracks">The WAV files by track.</param>
    /// <param name="cancel">Cancels writing.</param>
    /// <returns>The song with the sizes of its files.</returns>
    public async Task<SongOnDisk> WriteAsync(
        StoredJob job, StoredSong song, SongCodes codes, IReadOnlyCollection<KeyValuePair<string, byte[]>> tracks, CancellationToken cancel)
    {
        // Several attempts may be written at the same time; the row decides which one is used.
        if (job.Attempt > 0)
        {
            job = job with { Folder = $"{job.Id}/{job.Attempt}-{RandomNumberGenerator.GetHexString(8, lowercase: true)}" };
        }

        var contents = tracks.ToDictionary(track => FileName(track.Key, AudioFormat.Wav), track => track.Value, StringComparer.Ordinal);
        contents[Codes] = Encoding.UTF8.GetBytes(JobRows.ToJson(codes));
        var sizes = contents.ToDictionary(file => file.Key, file => (long)file.Value.Length, StringComparer.Ordinal);
        var stored = new SongOnDisk(song, sizes, job.Folder);
        contents[Description] = Encoding.UTF8.GetBytes(Describe(stored));
        try
        {
            foreach (var (name, bytes) in contents)
            {
                Reach($"write {name}");
                await files.WriteAsync(At(job, name), bytes, cancel);
            }
        }
        catch (Exception e) when (e is StorageException or OperationCanceledException)
        {
            await TryDeleteAsync(FolderOf(job));
            throw;
        }

        Reach("written");
        return stored;
    }

    /// <summary>Returns a song if all files in its folder are complete; null otherwise.</summary>
    public async Task<SongOnDisk?> FindAsync(StoredJob job, CancellationToken cancel)
    {
        var sizes = (await files.ListAsync(FolderOf(job) + "/", cancel)).ToDictionary(file => NameOf(file.Name), file => file.Bytes);
        if (!sizes.ContainsKey(Description) || await ReadAsync(job, Description, ParseDescription, cancel) is not { } description)
        {
            return null;
        }

        var song = description.Song.ToSong();
        if (description.Files is { } stored)
        {
            return stored.All(file => sizes.GetValueOrDefault(file.Key, -1) == file.Value) ? new(song, stored) : null;
        }

        // An earlier release stored no sizes.
        foreach (var track in song.Tracks)
        {
            if (await OpenAsync(job with { Files = null }, track, AudioFormat.Wav, cancel) is not { } file)
            {
                return null;
            }

            await file.Content.DisposeAsync();
            if (!file.IsWhole)
            {
                return null;
            }
        }

        return new(song, song.Tracks.Select(track => FileName(track, AudioFormat.Wav)).ToDictionary(name => name, name => sizes[name]));
    }

    /// <summary>Returns a song's codes; null if the file is missing or damaged, or an earlier release wrote the song.</summary>
    public Task<SongCodes?> FindCodesAsync(StoredJob job, CancellationToken cancel) =>
        ReadAsync(job, Codes, JobRows.FromJson<SongCodes>, cancel);

    /// <summary>Opens a file of a song; returns null if there is none.</summary>
    public async Task<SongFile?> OpenAsync(StoredJob job, string track, AudioFormat format, CancellationToken cancel)
    {
        var name = FileName(track, format);
        if (await files.OpenAsync(At(job, name), cancel) is not { } file)
        {
            return null;
        }

        try
        {
            var isWhole = job.Files is { } sizes && sizes.TryGetValue(name, out var bytes) ? file.Content.Length == bytes
                : format == AudioFormat.Wav && await StorageFaults.GuardAsync(() => IsWholeWavAsync(file.Content, cancel));
            return new SongFile(name, file.Content, file.ModifiedAt, isWhole);
        }
        catch
        {
            await file.Content.DisposeAsync();
            throw;
        }
    }

    /// <summary>Returns whether a song has a track's WAV file, even if it is damaged.</summary>
    public async Task<bool> ExistsAsync(StoredJob job, string track, CancellationToken cancel)
    {
        var file = await files.OpenAsync(At(job, FileName(track, AudioFormat.Wav)), cancel);
        file?.Content.Dispose();
        return file is not null;
    }

    /// <summary>Adds a file in another format to a song.</summary>
    /// <returns>The file's name.</returns>
    public async Task<string> AddAsync(StoredJob job, string track, AudioFormat format, byte[] file, CancellationToken cancel)
    {
        var name = FileName(track, format);
        Reach("add");
        await files.WriteAsync(At(job, name), file, cancel);
        return name;
    }

    /// <summary>Deletes a song.</summary>
    public async Task DeleteAsync(StoredJob job, CancellationToken cancel)
    {
        Reach("delete");
        await files.DeleteFolderAsync(Root + job.Id, cancel);
    }

    /// <summary>Returns the ids of the jobs whose songs an earlier release was deleting when it was killed.</summary>
    public async Task<IReadOnlyList<string>> FindHiddenAsync(CancellationToken cancel) =>
    [
        .. (await files.ListAsync(Root, cancel)).Select(file => SongOf(file.Name)).Distinct()
            .Where(name => name.StartsWith(Removing, StringComparison.Ordinal)).Select(name => name[Removing.Length..]),
    ];

    /// <summary>Deletes leftovers of an earlier process: partial and hidden folders, and songs without a row.</summary>
    /// <param name="jobs">The ids of the jobs that have a row.</param>
    /// <param name="keepUnknown">True to keep songs without a row. If the database is new, they may be all that is left of an old
    /// one.</param>
    /// <param name="cancel">Stops deleting; the next startup deletes the rest.</param>
    public async Task SweepAsync(IReadOnlySet<string> jobs, bool keepUnknown, CancellationToken cancel)
    {
        foreach (var name in (await files.ListAsync(Root, cancel)).Select(file => SongOf(file.Name)).Distinct())
        {
            var isUnknown = IsJobId(name) && !jobs.Contains(name);
            if (isUnknown && keepUnknown)
            {
                LogUnknown(name);
            }
            else if (isUnknown || name.StartsWith(Writing, StringComparison.Ordinal) || name.StartsWith(Removing, StringComparison.Ordinal))
            {
                await TryDeleteAsync(Root + name);
            }
        }
    }

    /// <summary>Returns the content of <c>song.json</c>.</summary>
    public static string Describe(SongOnDisk song) => JobRows.ToJson(new DescriptionRow(SongRow.Of(song.Song), song.Files));

    /// <summary>Returns the size of a song in bytes.</summary>
    public async Task<long> BytesOfAsync(StoredJob job, CancellationToken cancel) =>
        job is { Song: not null, Files: { } sizes } ? sizes.Values.Sum()
        : (await files.ListAsync(FolderOf(job) + "/", cancel)).Sum(file => file.Bytes);

    /// <summary>Reads a description. In earlier releases, it contained only the song.</summary>
    private static DescriptionRow ParseDescription(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.TryGetProperty("song", out _)
            ? JobRows.FromJson<DescriptionRow>(json)
            : new(JobRows.FromJson<SongRow>(json), null);
    }

    private async Task<T?> ReadAsync<T>(StoredJob job, string file, Func<string, T> parse, CancellationToken cancel)
        where T : class
    {
        try
        {
            return await files.ReadAsync(At(job, file), cancel) is { } bytes ? parse(Encoding.UTF8.GetString(bytes)) : null;
        }
        catch (Exception e) when (JobRows.IsDamage(e))
        {
            LogDamaged(e, file, job.Id);
            return null;
        }
    }

    /// <summary>Returns whether a WAV file has the length that its header states.</summary>
    private static async Task<bool> IsWholeWavAsync(Stream file, CancellationToken cancel)
    {
        var header = new byte[8];
        var count = await file.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, cancel);
        file.Position = 0;
        return count == header.Length
            && header.AsSpan(0, 4).SequenceEqual("RIFF"u8)
            && BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(4)) + header.Length == file.Length;
    }

    /// <summary>Deletes a folder that nothing depends on; if that fails, a later sweep retries.</summary>
    private async Task TryDeleteAsync(string folder)
    {
        try
        {
            await files.DeleteFolderAsync(folder, CancellationToken.None);
        }
        catch (StorageException e)
        {
            LogLeft(e, folder);
        }
    }

    /// <summary>Calls <see cref="Reached"/>, and treats its file errors like those of the store.</summary>
    private void Reach(string step) => StorageFaults.Guard(() =>
    {
        Reached?.Invoke(step);
        return true;
    });

    private static bool IsJobId(string name) => name.Length == 32 && name.All(char.IsAsciiHexDigitLower);

    private static string FileName(string track, AudioFormat format) => $"{track}.{format.Name()}";

    private static string FolderOf(StoredJob job) => Root + (job.Folder ?? job.Id);

    private static string At(StoredJob job, string file) => $"{FolderOf(job)}/{file}";

    /// <summary>Returns the part of a file's name that identifies the song.</summary>
    private static string SongOf(string file) => file[Root.Length..].Split('/')[0];

    private static string NameOf(string file) => file[(file.LastIndexOf('/') + 1)..];

    /// <summary>The JSON of <c>song.json</c>.</summary>
    private sealed record DescriptionRow(SongRow Song, IReadOnlyDictionary<string, long>? Files);

    [LoggerMessage(LogLevel.Error, "{File} of job {JobId} is damaged and counts as missing")]
    private partial void LogDamaged(Exception exception, string file, string jobId);

    [LoggerMessage(LogLevel.Warning, "The database is new, and the song of job {JobId} is not in it. The next startup deletes the song")]
    private partial void LogUnknown(string jobId);

    [LoggerMessage(LogLevel.Warning, "The leftover folder {Folder} could not be deleted")]
    private partial void LogLeft(Exception exception, string folder);
}

/// <summary>An open file of a song.</summary>
/// <param name="Name">The file's name.</param>
/// <param name="Content">The content as a seekable stream, at its beginning.</param>
/// <param name="ModifiedAt">The time when it was written.</param>
/// <param name="IsWhole">True if the file's size has not changed since it was written.</param>
internal sealed record SongFile(string Name, Stream Content, DateTimeOffset ModifiedAt, bool IsWhole);
