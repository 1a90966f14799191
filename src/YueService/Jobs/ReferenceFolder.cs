using System.Runtime.InteropServices;
using Yue.Engine.Audio;
using Yue.Engine.Songs;

namespace YueService.Jobs;

/// <summary>The reference clips of unfinished jobs: one file per track, float32 at the codec's rate, as the engine needs them.</summary>
/// <remarks>
/// A clip is written before its job's row, and deleted after the row says that the job has ended. A later sweep deletes clips that a
/// killed process left behind. File errors are thrown as <see cref="StorageException"/>.
/// </remarks>
internal sealed partial class ReferenceFolder(IFileStore files, ILogger<ReferenceFolder> logger)
{
    private const string Root = "references/";
    private const string Extension = ".f32";

    /// <summary>Stores the clip of a job. If that fails, deletes the files that were already written.</summary>
    /// <returns>The size of each file in bytes, by name.</returns>
    public async Task<IReadOnlyDictionary<string, long>> WriteAsync(string id, SongReference reference, CancellationToken cancel)
    {
        try
        {
            var sizes = new Dictionary<string, long>(StringComparer.Ordinal);
            for (var track = 0; track < reference.Tracks.Count; track++)
            {
                var samples = MemoryMarshal.AsBytes(reference.Tracks[track].Samples.AsSpan()).ToArray();
                await files.WriteAsync(Root + Name(id, track), samples, cancel);
                sizes[Name(id, track)] = samples.Length;
            }

            return sizes;
        }
        catch (Exception e) when (e is StorageException or OperationCanceledException)
        {
            await TryDeleteAsync(id);
            throw;
        }
    }

    /// <summary>Returns the stored reference with its clip; null if a file is missing or damaged.</summary>
    /// <param name="id">The job.</param>
    /// <param name="stored">The reference in the job's row.</param>
    /// <param name="sizes">The size of each file in bytes, by name; null if an earlier release stored the job.</param>
    /// <param name="cancel">Cancels reading.</param>
    public async Task<SongReference?> ReadAsync(
        string id, SongReference stored, IReadOnlyDictionary<string, long>? sizes, CancellationToken cancel)
    {
        var tracks = new List<AudioClip>();
        while (await files.ReadAsync(Root + Name(id, tracks.Count), cancel) is { } bytes)
        {
            if (bytes.Length == 0 || bytes.Length % sizeof(float) != 0
                || (sizes is not null && sizes.GetValueOrDefault(Name(id, tracks.Count)) != bytes.Length))
            {
                LogDamaged(Name(id, tracks.Count), id, bytes.Length);
                return null;
            }

            tracks.Add(new AudioClip(MemoryMarshal.Cast<byte, float>(bytes).ToArray(), SongReference.SampleRateHz));
        }

        return tracks.Count == 0 || (sizes is not null && sizes.Count != tracks.Count) ? null : stored with { Tracks = tracks };
    }

    /// <summary>Deletes the clip of a job that no longer needs it, if it has one. A later sweep deletes leftover files.</summary>
    public async Task TryDeleteAsync(string id)
    {
        try
        {
            foreach (var file in await files.ListAsync($"{Root}{id}-", CancellationToken.None))
            {
                await files.DeleteAsync(file.Name, CancellationToken.None);
            }
        }
        catch (StorageException e)
        {
            LogLeft(e, id);
        }
    }

    /// <summary>Deletes the clips of all jobs except the unfinished ones.</summary>
    public async Task SweepAsync(IReadOnlySet<string> unfinished, CancellationToken cancel)
    {
        foreach (var file in await files.ListAsync(Root, cancel))
        {
            if (!unfinished.Contains(file.Name[Root.Length..].Split('-')[0]))
            {
                await files.DeleteAsync(file.Name, cancel);
            }
        }
    }

    private static string Name(string id, int track) => $"{id}-{track}{Extension}";

    [LoggerMessage(LogLevel.Warning, "The reference clip of job {JobId} could not be deleted")]
    private partial void LogLeft(Exception exception, string jobId);

    [LoggerMessage(LogLevel.Error, "{File}, the reference clip of job {JobId}, is damaged: it has {Bytes} bytes")]
    private partial void LogDamaged(string file, string jobId, int bytes);
}
