using System.Runtime.InteropServices;
using Yue.Engine.Audio;
using Yue.Engine.Songs;

namespace YueService.Jobs;

/// <summary>The reference clips of jobs that are not finished: one file per
/// track, float32 at the codec's rate, as the engine takes them.</summary>
/// <remarks>
/// A clip is written before its job's row, and deleted after the row says that the job has ended. The next start deletes the clips that a
/// killed process left. File errors are <see cref="StorageException"/>.
/// </remarks>
internal sealed partial class ReferenceFolder(StateFolder state, ILogger<ReferenceFolder> logger)
{
    private const string Extension = ".f32";
    private readonly string _root = state["references"];

    /// <summary>Stores the clip of a job, all of it or nothing.</summary>
    /// <returns>The bytes of each file by its name.</returns>
    public IReadOnlyDictionary<string, long> Write(string id, SongReference reference)
    {
        state.Claim();
        return StorageFaults.Guard(() =>
        {
            try
            {
                Directory.CreateDirectory(_root);
                return Enumerable.Range(0, reference.Tracks.Count).ToDictionary(
                    track => Name(id, track), track => Write(At(id, track), reference.Tracks[track]), StringComparer.Ordinal);
            }
            catch (Exception e) when (StorageFaults.IsFileError(e))
            {
                Delete(id);
                throw;
            }
        });
    }

    /// <summary>Returns the stored reference with its clip; null when a file is missing or damaged.</summary>
    /// <param name="id">The job.</param>
    /// <param name="stored">The reference as the job's row holds it.</param>
    /// <param name="sizes">The bytes of each file by its name; null when an earlier release stored the job.</param>
    public SongReference? Read(string id, SongReference stored, IReadOnlyDictionary<string, long>? sizes) => StorageFaults.Guard(() =>
    {
        var tracks = new List<AudioClip>();
        while (File.Exists(At(id, tracks.Count)))
        {
            var bytes = File.ReadAllBytes(At(id, tracks.Count));
            if (bytes.Length == 0 || bytes.Length % sizeof(float) != 0
                || (sizes is not null && sizes.GetValueOrDefault(Name(id, tracks.Count)) != bytes.Length))
            {
                LogDamaged(Name(id, tracks.Count), id, bytes.Length);
                return null;
            }

            tracks.Add(new AudioClip(MemoryMarshal.Cast<byte, float>(bytes).ToArray(), SongReference.SampleRateHz));
        }

        return tracks.Count == 0 || (sizes is not null && sizes.Count != tracks.Count) ? null : stored with { Tracks = tracks };
    });

    /// <summary>Deletes the clip of a job that needs it no more. The next start deletes what is left.</summary>
    public void TryDelete(string id)
    {
        try
        {
            Delete(id);
        }
        catch (StorageException e)
        {
            LogLeft(e, id);
        }
    }

    /// <summary>Deletes the clip of a job, where it has one.</summary>
    private void Delete(string id) => StorageFaults.Guard(() =>
    {
        for (var track = 0; File.Exists(At(id, track)); track++)
        {
            File.Delete(At(id, track));
        }

        return true;
    });

    /// <summary>Deletes the clips of all jobs but those that are still to be made.</summary>
    public void Sweep(IReadOnlySet<string> unfinished) => StorageFaults.Guard(() =>
    {
        if (Directory.Exists(_root))
        {
            foreach (var file
                in Directory.GetFiles(_root, "*" + Extension).Where(file => !unfinished.Contains(Path.GetFileName(file).Split('-')[0])))
            {
                File.Delete(file);
            }
        }

        return true;
    });

    private static long Write(string path, AudioClip clip)
    {
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write);
        file.Write(MemoryMarshal.AsBytes(clip.Samples.AsSpan()));
        file.Flush(flushToDisk: true);
        return file.Length;
    }

    private static string Name(string id, int track) => $"{id}-{track}{Extension}";

    private string At(string id, int track) => Path.Combine(_root, Name(id, track));

    [LoggerMessage(LogLevel.Warning, "The reference clip of job {JobId} could not be deleted")]
    private partial void LogLeft(Exception exception, string jobId);

    [LoggerMessage(LogLevel.Error, "{File}, the reference clip of job {JobId}, is damaged: it has {Bytes} bytes")]
    private partial void LogDamaged(string file, string jobId, int bytes);
}
