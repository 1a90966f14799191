using System.Runtime.InteropServices;
using Microsoft.Extensions.Options;
using Yue.Engine;
using Yue.Engine.Audio;
using YueService.Settings;

namespace YueService.Jobs;

/// <summary>The reference clips of jobs that are not finished: a file a track, float32 at the codec's rate, as the engine takes them.</summary>
/// <remarks>
/// A clip is written before its job's row and deleted after the row says that the job has ended; what a process that died left behind is
/// swept at the next start. File errors come as <see cref="StorageException"/>.
/// </remarks>
internal sealed class ReferenceFolder(IOptions<JobOptions> options)
{
    private const string Extension = ".f32";
    private readonly string _root = Path.Combine(options.Value.StateFolder, "references");

    /// <summary>Keeps the clip of a job.</summary>
    public void Write(string id, SongReference reference) => Guard(() =>
    {
        Directory.CreateDirectory(_root);
        for (var track = 0; track < reference.Tracks.Count; track++)
        {
            using var file = new FileStream(At(id, track), FileMode.Create, FileAccess.Write);
            file.Write(MemoryMarshal.AsBytes(reference.Tracks[track].Samples.AsSpan()));
            file.Flush(flushToDisk: true);
        }

        return true;
    });

    /// <summary>The clip of a job, put back into what its row holds; null when its files are gone.</summary>
    public SongReference? Read(string id, SongReference stored) => Guard(() =>
    {
        var tracks = new List<AudioClip>();
        while (File.Exists(At(id, tracks.Count)))
        {
            var samples = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(At(id, tracks.Count))).ToArray();
            tracks.Add(new AudioClip(samples, SongReference.SampleRateHz));
        }

        return tracks.Count == 0 ? null : stored with { Tracks = tracks };
    });

    /// <summary>Deletes the clip of a job, where it has one.</summary>
    public void Delete(string id) => Guard(() =>
    {
        for (var track = 0; File.Exists(At(id, track)); track++)
        {
            File.Delete(At(id, track));
        }

        return true;
    });

    /// <summary>Deletes the clips of all jobs but those that are still to be made.</summary>
    public void Sweep(IReadOnlySet<string> unfinished) => Guard(() =>
    {
        if (Directory.Exists(_root))
        {
            foreach (var file in Directory.GetFiles(_root, "*" + Extension).Where(file => !unfinished.Contains(Path.GetFileName(file).Split('-')[0])))
            {
                File.Delete(file);
            }
        }

        return true;
    });

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

    private string At(string id, int track) => Path.Combine(_root, $"{id}-{track}{Extension}");
}
