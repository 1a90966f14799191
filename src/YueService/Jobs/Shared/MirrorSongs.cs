using System.Collections.Concurrent;
using Yue.Engine.Audio;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;

namespace YueService.Jobs.Shared;

/// <summary>Fetches songs that other processes make: their sound while they are being made, and their results.</summary>
/// <remarks>The worker writes the sound to files, one per chunk, while someone is listening (<see cref="SoundRelay"/>).</remarks>
internal sealed partial class MirrorSongs(
    PostgresQueue queue, IJobLog log, SongFolder songs, IFileStore files, ILogger<MirrorSongs> logger)
{
    // The worker writes the last chunk before it stores the end of the job, or shortly afterward.
    private static readonly TimeSpan LastChunkLimit = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<string, Listening> _listening = new(StringComparer.Ordinal);

    /// <summary>Starts to fetch the sound of a job when someone begins to listen.</summary>
    public void Follow(Job job)
    {
        if (job.Sound is { } sound)
        {
            sound.Listened += () => Listen(job, sound);
        }
    }

    /// <summary>Ends the sound of a job whose worker died or returned it: listeners get an error, because the sound is incomplete. Later
    /// listeners get the next attempt.</summary>
    public void Restart(Job job, IStreamEncoder encoder)
    {
        if (_listening.TryGetValue(job.Id, out var listening))
        {
            listening.Stop();
        }

        job.Sound?.End(Task.FromException<SongResult>(new SongException("The worker stopped before the song was finished.")));
        job.RenewSound(encoder);
        Follow(job);
    }

    /// <summary>Checks whether a job has new sound.</summary>
    public void Hint(string id) => _listening.GetValueOrDefault(id)?.Hint();

    /// <summary>Ends a job with the result in its row.</summary>
    public async Task EndAsync(Job job, StoredJob row)
    {
        if (_listening.TryGetValue(job.Id, out var listening) && row.State == JobState.Succeeded)
        {
            await Task.WhenAny(listening.Done, Task.Delay(LastChunkLimit));
        }

        listening?.Stop();
        job.Sound?.End(Task.FromException<SongResult>(new SongException("The song ended before its sound was complete.")));
        if (row.Caller is not null)
        {
            await HandOverAsync(job, row);
        }

        job.Feed.End(row.State, row.Fault);
        job.Dispose();
    }

    /// <summary>Passes the song or the failure to the waiting caller, and removes the job.</summary>
    private async Task HandOverAsync(Job job, StoredJob row)
    {
        try
        {
            switch (row.State)
            {
                case JobState.Succeeded:
                    job.Follow(Task.FromResult(await ReadAsync(row)));
                    break;
                case JobState.Cancelled:
                    job.SetCancelled();
                    break;
                default:
                    job.Refuse(ExceptionOf(row.Fault));
                    break;
            }

            await log.RemoveAsync(row.Id, CancellationToken.None);
            await songs.DeleteAsync(row, CancellationToken.None);
        }
        catch (StorageException e)
        {
            job.Refuse(e);
            LogLeft(e, row.Id);
        }
    }

    private async Task<SongResult> ReadAsync(StoredJob row)
    {
        var song = row.Song!;
        return new()
        {
            Mix = await ClipAsync(row, SongFolder.Mix)
                ?? (song.Tracks.Count == 0
                    ? new([], song.SampleRate)
                    : throw new StorageException("The song was made, but its file is missing.")),
            Vocal = await ClipAsync(row, SongFolder.Vocal),
            Instrumental = await ClipAsync(row, SongFolder.Instrumental),
            Model = song.Model,
            Seed = song.Seed,
            Scope = song.Scope,
            Score = song.Score,
            Sections = song.Sections,
            Reference = song.Reference,
            Codes = await songs.FindCodesAsync(row, CancellationToken.None) ?? new(song.Model, []),
            Timings = song.Timings,
            Warnings = song.Warnings,
        };
    }

    private async Task<AudioClip?> ClipAsync(StoredJob row, string track)
    {
        if (!row.Song!.Tracks.Contains(track)
            || await songs.OpenAsync(row, track, AudioFormat.Wav, CancellationToken.None) is not { } file)
        {
            return null;
        }

        await using var content = file.Content;
        var sound = WavFile.Parse(await content.ReadWholeAsync(CancellationToken.None));
        return new(sound.Interleaved, sound.SampleRateHz, sound.Channels);
    }

    private static Exception ExceptionOf(Fault? fault) => fault switch
    {
        { Kind: FaultKind.Unsingable } => new SongRequestException(fault.Detail),
        { Kind: FaultKind.StorageUnavailable } => new StorageException(fault.Detail),
        { Kind: FaultKind.EngineLost } => new EngineDeadException(fault.Detail),
        _ => new SongException(fault?.Detail ?? "The song could not be made."),
    };

    private void Listen(Job job, JobSound sound)
    {
        var listening = new Listening();
        if (_listening.TryAdd(job.Id, listening))
        {
            _ = FetchAsync(job, sound, listening);
        }
    }

    private async Task FetchAsync(Job job, JobSound sound, Listening listening)
    {
        try
        {
            var counts = sound.Tracks.ToDictionary(track => track, _ => 0);
            while (counts.Count > 0)
            {
                try
                {
                    // Sent every time, because the job may have a new worker, or the worker may have missed the last request.
                    await queue.NotifyAsync(SoundRelay.Listen + job.Id, listening.Stopped);
                    var attempt = job.Feed.Attempt;
                    foreach (var track in counts.Keys.ToList())
                    {
                        counts[track] = await FetchAsync(job.Id, attempt, sound, track, counts[track], listening.Stopped);
                        if (counts[track] < 0)
                        {
                            counts.Remove(track);
                        }
                    }
                }
                catch (StorageException e)
                {
                    LogUnheard(e.Message, job.Id);
                }

                await listening.WaitAsync();
            }
        }
        catch (OperationCanceledException)
        {
            // The job has ended, or another attempt begins.
        }
        finally
        {
            _listening.TryRemove(job.Id, out _);
            listening.Dispose();
        }
    }

    /// <summary>Fetches the available chunks of a track.</summary>
    /// <returns>The number of the next chunk; -1 if the track is complete.</returns>
    private async Task<int> FetchAsync(string id, int attempt, JobSound sound, string track, int number, CancellationToken cancel)
    {
        while (await files.ReadAsync(SoundRelay.NameOf(id, attempt, track, number), cancel) is { } chunk)
        {
            number++;
            if (chunk.Length == 0)
            {
                sound.Complete(track);
                return -1;
            }

            var (format, pcm) = SoundRelay.Read(chunk);
            sound.Hear(track, format, pcm);
        }

        return number;
    }

    [LoggerMessage(LogLevel.Warning, "The song of job {JobId} could not be passed to its caller, or the job could not be removed. "
        + "The job will be removed later")]
    private partial void LogLeft(Exception exception, string jobId);

    [LoggerMessage(LogLevel.Warning, "The sound of job {JobId} cannot be fetched now: {Reason}")]
    private partial void LogUnheard(string reason, string jobId);

    /// <summary>A job whose sound is being fetched.</summary>
    private sealed class Listening : IDisposable
    {
        private readonly SemaphoreSlim _hint = new(0, 1);
        private readonly CancellationTokenSource _stop = new();
        private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public CancellationToken Stopped => _stop.Token;

        public Task Done => _done.Task;

        public void Hint()
        {
            try
            {
                _hint.Release();
            }
            catch (Exception e) when (e is SemaphoreFullException or ObjectDisposedException)
            {
                // A check is already pending, or the job has ended.
            }
        }

        public Task<bool> WaitAsync() => _hint.WaitAsync(SharedSettings.PollInterval, Stopped);

        public void Stop()
        {
            try
            {
                _stop.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // The job has ended.
            }
        }

        public void Dispose()
        {
            _done.TrySetResult();
            _stop.Dispose();
            _hint.Dispose();
        }
    }
}
