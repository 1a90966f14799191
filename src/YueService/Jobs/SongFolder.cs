using System.Text;
using Microsoft.Extensions.Options;
using Yue.Engine;
using Yue.Engine.Audio;
using YueService.Audio;
using YueService.Settings;

namespace YueService.Jobs;

/// <summary>The files of finished songs: a folder a song, with <c>mix.wav</c>, the stems, files in other formats,
/// <c>codes.json</c> and <c>song.json</c>.</summary>
/// <remarks>
/// A song's folder is written under another name and renamed when it is whole; it is renamed away before it is deleted. So a
/// folder under its own name is whole at any instant, whatever kills the process. File errors come as <see cref="StorageException"/>.
/// </remarks>
internal sealed class SongFolder(IOptions<JobOptions> options)
{
    /// <summary>The track that every song has.</summary>
    public const string Mix = "mix";

    private const string Writing = ".writing-";
    private const string Removing = ".removing-";
    private const string Description = "song.json";
    private const string Codes = "codes.json";
    private readonly string _root = Path.Combine(options.Value.StateFolder, "songs");

    /// <summary>Called before each step of a write sequence; tests make it throw where a process may die.</summary>
    public Action<string>? Reached { get; set; }

    /// <summary>Puts a song in place, all of it or nothing.</summary>
    /// <param name="id">The job.</param>
    /// <param name="song">Kept beside the files, so that a song whose row was not written is not lost.</param>
    /// <param name="codes">What stage 1 wrote: later songs can go on from it.</param>
    /// <param name="tracks">WAV files by track.</param>
    public void Write(string id, FinishedSong song, SongCodes codes, IEnumerable<KeyValuePair<string, byte[]>> tracks) => Guard(() =>
    {
        var folder = At(Writing + id);
        Reached?.Invoke("create");
        Directory.CreateDirectory(folder);
        foreach (var (track, file) in tracks)
        {
            Reached?.Invoke($"write {track}");
            WriteThrough(Path.Combine(folder, FileName(track, AudioFormat.Wav)), file);
        }

        Reached?.Invoke("write codes");
        WriteThrough(Path.Combine(folder, Codes), Encoding.UTF8.GetBytes(JobRows.ToJson(codes)));
        Reached?.Invoke("describe");
        WriteThrough(Path.Combine(folder, Description), Encoding.UTF8.GetBytes(JobRows.ToJson(song)));
        Reached?.Invoke("rename");
        DeleteIfThere(At(id));
        Directory.Move(folder, At(id));
        Reached?.Invoke("renamed");
        return true;
    });

    /// <summary>What is known of a song whose folder is in place; null when it is not.</summary>
    public FinishedSong? Find(string id) => Read<FinishedSong>(id, Description);

    /// <summary>A song's codes; null when its folder is not in place, or an earlier release wrote it.</summary>
    public SongCodes? FindCodes(string id) => Read<SongCodes>(id, Codes);

    /// <summary>Opens a file of a song; null when there is none.</summary>
    public FileStream? Open(string id, string track, AudioFormat format) => Guard(() =>
    {
        try
        {
            return new FileStream(
                Path.Combine(At(id), FileName(track, format)),
                new FileStreamOptions { Share = FileShare.Read | FileShare.Delete, Options = FileOptions.Asynchronous });
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    });

    /// <summary>Adds a file in another format to a song that is in place.</summary>
    public void Add(string id, string track, AudioFormat format, byte[] file) => Guard(() =>
    {
        var path = Path.Combine(At(id), FileName(track, format));
        var part = $"{path}.{Guid.NewGuid():N}.part";
        try
        {
            WriteThrough(part, file);
            File.Move(part, path, overwrite: true);
        }
        finally
        {
            File.Delete(part);
        }

        return true;
    });

    /// <summary>Takes a song out of its place; <see cref="Purge"/> deletes it. The job's row goes in between.</summary>
    public void Hide(string id) => Guard(() =>
    {
        Reached?.Invoke("hide");
        if (Directory.Exists(At(id)))
        {
            DeleteIfThere(At(Removing + id));
            Directory.Move(At(id), At(Removing + id));
        }

        Reached?.Invoke("hidden");
        return true;
    });

    /// <summary>Deletes a song that <see cref="Hide"/> took out of its place.</summary>
    public void Purge(string id) => Guard(() =>
    {
        Reached?.Invoke("purge");
        DeleteIfThere(At(Removing + id));
        return true;
    });

    /// <summary>Deletes what a process that died left half written.</summary>
    /// <returns>The jobs that were being removed: their rows and files are still to go.</returns>
    public IReadOnlyList<string> Sweep() => Guard<IReadOnlyList<string>>(() =>
    {
        Directory.CreateDirectory(_root);
        foreach (var half in Directory.GetDirectories(_root, Writing + "*"))
        {
            Directory.Delete(half, recursive: true);
        }

        return [.. Directory.GetDirectories(_root, Removing + "*").Select(folder => Path.GetFileName(folder)[Removing.Length..])];
    });

    /// <summary>The bytes that a song takes.</summary>
    public long BytesOf(string id) => Guard(() =>
        Directory.Exists(At(id)) ? new DirectoryInfo(At(id)).EnumerateFiles().Sum(file => file.Length) : 0);

    private T? Read<T>(string id, string file)
        where T : class => Guard(() =>
    {
        var path = Path.Combine(At(id), file);
        return File.Exists(path) ? JobRows.FromJson<T>(File.ReadAllText(path)) : null;
    });

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

    private static T Guard<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StorageException(StorageFaults.Describe(e), e);
        }
    }

    private string At(string name) => Path.Combine(_root, name);
}
