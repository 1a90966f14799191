using Yue.Engine.Audio;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using YueService.Api.Errors;
using YueService.Jobs.Audio;

namespace YueService.Jobs;

/// <summary>Follows a job from the queue to its stored end.</summary>
internal sealed partial class JobRunner(
    ISongEngine engine,
    IJobStore store,
    SongFolder songs,
    ReferenceFolder references,
    ISongEncoder encoder,
    JobSignals signals,
    ILogger<JobRunner> logger)
{
    private static readonly TimeSpan StoreRetry = TimeSpan.FromSeconds(2);

    /// <summary>Returns when the job's end is stored, or when the service stops before it could be.</summary>
    public async Task RunAsync(LiveJob live, JobRecord job)
    {
        var end = await MakeAsync(live, job);
        while (!signals.Stopped.IsCancellationRequested)
        {
            try
            {
                await StoreAsync(job, end);
                DropReference(job, end);
                live.End(end.State, end.Fault);
                LogEnd(job.Id, end.State);
                signals.Wake();
                return;
            }
            catch (StorageException e)
            {
                LogUnstored(e, job.Id, end.State);
                live.Delay(e.Message);
                await Task.Delay(StoreRetry, signals.Stopped).ContinueWith(_ => { }, TaskScheduler.Default);
            }
        }

        LogLeft(job.Id, end.State);
    }

    /// <summary>Deletes the clip of a job that will not be made again.</summary>
    private void DropReference(JobRecord job, JobEnd end)
    {
        if (end.State == JobState.Queued || job.Request.Song.Reference is null)
        {
            return;
        }

        try
        {
            references.Delete(job.Id);
        }
        catch (StorageException e)
        {
            // The next start sweeps it.
            LogUndeleted(e, job.Id);
        }
    }

    private async Task<JobEnd> MakeAsync(LiveJob live, JobRecord job)
    {
        try
        {
            await Task.WhenAny(live.Queued.Started, live.Queued.Song);
            if (live.Queued.Started.IsCompleted)
            {
                await NoteStartAsync(job);
            }

            var result = await live.Queued.Song;
            return new(JobState.Succeeded, Song: await SaveAsync(job, result, live.Cancelled));
        }
        catch (OperationCanceledException) when (live.Cancelled.IsCancellationRequested)
        {
            return new(JobState.Cancelled);
        }
        catch (Exception e) when (e is SongException or OperationCanceledException && engine.Status.State == EngineState.Draining)
        {
            return new(JobState.Queued);
        }
        catch (SongRequestException e)
        {
            return Failed(ProblemType.Unsingable, e.Message);
        }
        catch (SongException e)
        {
            LogSongFailed(e, job.Id);
            return Failed(ProblemType.SongFailed, "This song failed; others are not affected. The log has the reason under the job's id.");
        }
        catch (StorageException e)
        {
            LogUnsaved(e, job.Id);
            return Failed(ProblemType.StorageUnavailable, $"The song was made but could not be kept. {e.Message}");
        }
        catch (EngineDeadException)
        {
            return WithoutDevice(live, job);
        }
#pragma warning disable CA1031 // Whatever else ends a job is a bug, which the job and the log tell.
        catch (Exception e)
#pragma warning restore CA1031
        {
            LogBug(e, job.Id);
            return Failed(ProblemType.InternalError, "A fault of the service. Please report it; the log has the reason under the job's id.");
        }
    }

    /// <summary>A job that only waited stays queued; one that ran may be what the device was lost by, and has one more try.</summary>
    private static JobEnd WithoutDevice(LiveJob live, JobRecord job)
    {
        var ran = live.Queued.Started.IsCompleted;
        return ran && job.Interruptions > 0
            ? Failed(ProblemType.EngineLost, "The device was lost twice while this song was made.")
            : new(JobState.Queued, Interrupted: ran);
    }

    private static JobEnd Failed(ProblemType type, string detail) => new(JobState.Failed, new(type.Urn, type.Title, detail));

    private async Task NoteStartAsync(JobRecord job)
    {
        try
        {
            await store.SetRunningAsync(job.Id, CancellationToken.None);
        }
        catch (StorageException e)
        {
            // The song goes on: after a kill it is simply found queued.
            LogUnstored(e, job.Id, JobState.Running);
        }
    }

    private async Task<StoredSong> SaveAsync(JobRecord job, SongResult result, CancellationToken cancel)
    {
        var encoded = await EncodedSong.EncodeAsync(encoder, result, AudioFormat.Wav, job.Request.Song.Output, cancel);
        var tracks = new List<KeyValuePair<string, byte[]>> { new(SongFolder.Mix, encoded.Mix) };
        if (encoded is { Vocal: { } vocal, Instrumental: { } instrumental })
        {
            tracks.Add(new("vocal", vocal));
            tracks.Add(new("instrumental", instrumental));
        }

        var song = FinishedSong.From(result, job.Request, encoded, tracks.Select(track => track.Key));
        cancel.ThrowIfCancellationRequested();
        return songs.Write(job.Id, song, result.Codes, tracks);
    }

    private Task StoreAsync(JobRecord job, JobEnd end) => end.State switch
    {
        JobState.Succeeded => store.SucceedAsync(job.Id, end.Song!, CancellationToken.None),
        JobState.Failed => store.FailAsync(job.Id, end.Fault!, CancellationToken.None),
        JobState.Cancelled => store.CancelAsync(job.Id, CancellationToken.None),
        _ => store.RequeueAsync(job.Id, end.Interrupted, CancellationToken.None),
    };

    [LoggerMessage(LogLevel.Information, "Job {JobId} ended as {State}")]
    private partial void LogEnd(string jobId, JobState state);

    [LoggerMessage(LogLevel.Error, "The song of job {JobId} failed")]
    private partial void LogSongFailed(Exception exception, string jobId);

    [LoggerMessage(LogLevel.Error, "The song of job {JobId} could not be written")]
    private partial void LogUnsaved(Exception exception, string jobId);

    [LoggerMessage(LogLevel.Error, "State {State} of job {JobId} could not be stored")]
    private partial void LogUnstored(Exception exception, string jobId, JobState state);

    [LoggerMessage(LogLevel.Warning, "The process stops before job {JobId} could be stored as {State}; the next process completes the job")]
    private partial void LogLeft(string jobId, JobState state);

    [LoggerMessage(LogLevel.Warning, "The reference clip of job {JobId} could not be deleted")]
    private partial void LogUndeleted(Exception exception, string jobId);

    [LoggerMessage(LogLevel.Error, "Job {JobId} met a bug")]
    private partial void LogBug(Exception exception, string jobId);

    private sealed record JobEnd(JobState State, JobFault? Fault = null, StoredSong? Song = null, bool Interrupted = false);
}
