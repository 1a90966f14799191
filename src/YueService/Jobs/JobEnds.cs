using Yue.Engine.Audio;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using YueService.Jobs.Audio;

namespace YueService.Jobs;

/// <summary>Stores the start and the end of kept jobs: first the files, then the row. The feed publishes the end last.</summary>
internal sealed partial class JobEnds(
    ISongEngine engine,
    IJobLog log,
    SongFolder songs,
    ReferenceFolder references,
    ISongEncoder encoder,
    JobSignals signals,
    ILogger<JobEnds> logger)
{
    private static readonly TimeSpan StoreRetry = TimeSpan.FromSeconds(2);

    /// <summary>Stores that the engine has begun the song.</summary>
    public async Task NoteStartAsync(StoredJob job)
    {
        try
        {
            await log.SetRunningAsync(job, CancellationToken.None);
        }
        catch (StorageException e)
        {
            // The song continues: if this process is killed, the next one finds the job queued.
            LogUnstored(e, job.Id, JobState.Running);
        }
    }

    /// <summary>Stores the end of a job whose song has ended. Returns when the end is stored, when it is ignored because the job is
    /// finished or another process has it, or when the service stops first.</summary>
    public async Task EndAsync(Job live, StoredJob job)
    {
        var end = await EndOfAsync(live, job);
        while (!signals.Stopped.IsCancellationRequested)
        {
            try
            {
                if (!await StoreAsync(live, job, end))
                {
                    LogFenced(job.Id, end.State);
                    live.Feed.Leave();
                    return;
                }

                if (end.State != JobState.Queued && job.Request.Song.Reference is not null)
                {
                    await references.TryDeleteAsync(job.Id);
                }

                live.Feed.End(end.State, end.Fault);
                LogEnd(job.Id, end.State);
                signals.Wake();
                return;
            }
            catch (StorageException e)
            {
                LogUnstored(e, job.Id, end.State);
                live.Feed.Delay(e.Message);
                await Task.Delay(StoreRetry, signals.Stopped).ContinueWith(_ => { }, TaskScheduler.Default);
            }
        }

        LogLeft(job.Id, end.State);
    }

    private async Task<JobEnd> EndOfAsync(Job live, StoredJob job)
    {
        try
        {
            return new(JobState.Succeeded, Song: await SaveAsync(live, job, await live.Song));
        }
        catch (OperationCanceledException) when (live.IsAbandoned)
        {
            return new(JobState.Queued, Interrupted: true);
        }
        catch (OperationCanceledException) when (live.Cancelled.IsCancellationRequested)
        {
            return new(JobState.Cancelled);
        }
        catch (Exception e) when (e is SongException or OperationCanceledException && engine.Status.State == EngineState.Draining)
        {
            return new(JobState.Queued);
        }
        catch (JobFaultException e)
        {
            return new(JobState.Failed, e.Fault);
        }
        catch (SongRequestException e)
        {
            return Failed(FaultKind.Unsingable, e.Message);
        }
        catch (SongException e)
        {
            LogSongFailed(e, job.Id);
            return Failed(FaultKind.SongFailed, "Other songs are not affected. The log has the reason under the job's id.");
        }
        catch (StorageException) when (log.IsShared)
        {
            // The files cannot be used now, or the process is stopping. The job is queued again, for any worker.
            return new(JobState.Queued);
        }
        catch (StorageException e)
        {
            LogUnsaved(e, job.Id);
            return Failed(FaultKind.StorageUnavailable, $"The files of the song could not be written or read. {e.Message}");
        }
        catch (EngineDeadException)
        {
            return WithoutDevice(live, job);
        }
#pragma warning disable CA1031 // Any other exception is a bug, which the job and the log report.
        catch (Exception e)
#pragma warning restore CA1031
        {
            LogBug(e, job.Id);
            return Failed(FaultKind.InternalError, "An internal error. Please report it; the log has the reason under the job's id.");
        }
    }

    /// <summary>Handles the loss of the device. A job that was only waiting stays queued. A running job may have caused the loss, so it
    /// gets only one more attempt.</summary>
    private static JobEnd WithoutDevice(Job live, StoredJob job)
    {
        var ran = live.Started.IsCompleted;
        return ran && job.Interruptions > 0
            ? Failed(FaultKind.EngineLost, "The device was lost twice while this song was being made.")
            : new(JobState.Queued, Interrupted: ran);
    }

    private static JobEnd Failed(FaultKind kind, string detail) => new(JobState.Failed, new(kind, detail));

    private async Task<SongOnDisk> SaveAsync(Job live, StoredJob job, SongResult result)
    {
        var cancel = live.Cancelled;
        var encoded = await EncodedSong.EncodeAsync(encoder, result, AudioFormat.Wav, job.Request.Song.Output, job.Request.Tags, cancel);
        var tracks = new List<KeyValuePair<string, byte[]>>();
        if (encoded.Mix.Length > 0)
        {
            tracks.Add(new(SongFolder.Mix, encoded.Mix));
        }

        if (encoded is { Vocal: { } vocal, Instrumental: { } instrumental })
        {
            tracks.Add(new(SongFolder.Vocal, vocal));
            tracks.Add(new(SongFolder.Instrumental, instrumental));
        }

        var song = StoredSong.Of(result, job.Request, encoded, tracks.Select(track => track.Key));
        cancel.ThrowIfCancellationRequested();
        while (true)
        {
            try
            {
                return await songs.WriteAsync(job, song, result.Codes, tracks, CancellationToken.None);
            }
            catch (StorageException e) when (log.IsShared && !signals.Stopped.IsCancellationRequested)
            {
                // Shared storage may recover on its own. Until then, the song is kept in memory, and the claim on the job is renewed.
                LogUnsaved(e, job.Id);
                live.Feed.Delay(e.Message);
                await Task.Delay(StoreRetry, cancel);
            }
        }
    }

    private Task<bool> StoreAsync(Job live, StoredJob job, JobEnd end) => end.State switch
    {
        JobState.Succeeded => log.SucceedAsync(job, end.Song!, CancellationToken.None),
        JobState.Failed => log.FailAsync(job, end.Fault!, CancellationToken.None),
        JobState.Cancelled => log.CancelAsync(job, CancellationToken.None),
        _ when live.Started.IsCompleted || job.Attempt > 0 => log.RequeueAsync(job, end.Interrupted, CancellationToken.None),
        _ => Task.FromResult(true),    // The row is already queued.
    };

    [LoggerMessage(LogLevel.Information, "Job {JobId} ended as {State}")]
    private partial void LogEnd(string jobId, JobState state);

    [LoggerMessage(LogLevel.Error, "The song of job {JobId} failed")]
    private partial void LogSongFailed(Exception exception, string jobId);

    [LoggerMessage(LogLevel.Error, "The files of job {JobId} could not be written or read")]
    private partial void LogUnsaved(Exception exception, string jobId);

    [LoggerMessage(LogLevel.Error, "State {State} of job {JobId} could not be stored")]
    private partial void LogUnstored(Exception exception, string jobId, JobState state);

    [LoggerMessage(LogLevel.Warning, "The process stopped before job {JobId} was stored as {State}; the next process completes the job")]
    private partial void LogLeft(string jobId, JobState state);

    [LoggerMessage(LogLevel.Warning, "The end of job {JobId} as {State} is ignored: the job has already ended, or it no longer belongs to "
        + "this process")]
    private partial void LogFenced(string jobId, JobState state);

    [LoggerMessage(LogLevel.Error, "Job {JobId} failed because of a bug")]
    private partial void LogBug(Exception exception, string jobId);

    private sealed record JobEnd(JobState State, Fault? Fault = null, SongOnDisk? Song = null, bool Interrupted = false);
}
