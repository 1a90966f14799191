using System.Diagnostics;
using Yue.Engine.Songs;

namespace YueService.Jobs;

/// <summary>A job in this process, from waiting to its end.</summary>
/// <remarks>The engine's thread reports progress here without ever waiting.</remarks>
internal sealed class Job : IProgress<SongProgress>, IDisposable
{
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<SongResult> _song = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _cancel;
    private readonly long _submitted = Stopwatch.GetTimestamp();
    private readonly List<SectionStart> _sections = [];
    private readonly IReadOnlyList<string> _tracks;
    private volatile int _position;
    private volatile string? _waitReason;
    private long _startTimestamp;
    private double _work = double.NaN;

    private Job(
        string id, JobRequest request, StoredJob? stored, IStreamEncoder? encoder, CancellationToken caller, bool isShared = false)
    {
        (Id, Request, Stored, Owner) = (id, request, stored, stored?.Owner);
        Feed = new(stored?.Attempt ?? 0, isShared);
        _tracks = request.Song.Scope == SongScope.Score ? []
            : SongFolder.TracksOf(hasStems: request.Song is { Output.Stems: true, Instrumental: false });
        RenewSound(encoder);
        _cancel = CancellationTokenSource.CreateLinkedTokenSource(caller);
        Cancelled = _cancel.Token;
    }

    /// <summary>The identifier: 32 hexadecimal digits.</summary>
    public string Id { get; }

    /// <summary>The request.</summary>
    public JobRequest Request { get; }

    /// <summary>The job as it was stored when this process accepted or resumed it; null if the job is only in memory.</summary>
    public StoredJob? Stored { get; }

    /// <summary>The name of the API key that requested it; null without keys.</summary>
    public string? Owner { get; private init; }

    /// <summary>The updates of the job.</summary>
    public JobFeed Feed { get; }

    /// <summary>The sound of the song while it is being made; null if nobody can listen to it.</summary>
    public JobSound? Sound { get; private set; }

    /// <summary>Cancelled by <see cref="Cancel"/> and, for a job that is not kept, when its caller disconnects.</summary>
    public CancellationToken Cancelled { get; }

    /// <summary>True if this process has lost its claim on the job, or could not check the claim for too long. The song then ends, and
    /// another process continues the job.</summary>
    public bool IsAbandoned { get; private set; }

    /// <summary>The reason why no worker can take the job; null if one can. Set by the board.</summary>
    public string? WaitReason
    {
        get => _waitReason;
        set
        {
            if (_waitReason != value)
            {
                _waitReason = value;
                Feed.Moved();
            }
        }
    }

    /// <summary>Completes when the engine begins the song; may never complete.</summary>
    public Task Started => _started.Task;

    /// <summary>The song. Fails with <see cref="SongException"/>, <see cref="Yue.Engine.Scheduling.EngineDeadException"/>,
    /// <see cref="StorageException"/> or <see cref="JobFaultException"/>, and is cancelled by <see cref="Cancelled"/>.</summary>
    public Task<SongResult> Song => _song.Task;

    /// <summary>The expected work of the song in the engine's units; null until it is first needed. Set by
    /// <see cref="JobEstimate"/>.</summary>
    public double? Work
    {
        get => Volatile.Read(ref _work) is var work && double.IsNaN(work) ? null : work;
        set => Volatile.Write(ref _work, value ?? double.NaN);
    }

    /// <summary>The trace that the job belongs to.</summary>
    public ActivityContext Trace { get; set; } = Activity.Current?.Context ?? default;

    /// <summary>The time when this process accepted or resumed the job.</summary>
    public required DateTimeOffset SubmittedAt { get; init; }

    /// <summary>The time since <see cref="SubmittedAt"/>.</summary>
    public TimeSpan Waited => Stopwatch.GetElapsedTime(_submitted);

    /// <summary>The time since the engine began the song; zero until then.</summary>
    public TimeSpan Running => Volatile.Read(ref _startTimestamp) is var start and > 0 ? Stopwatch.GetElapsedTime(start) : default;

    /// <summary>The times when the sections began, in order. Must be read only after the song has ended.</summary>
    public IReadOnlyList<SectionStart> Sections => _sections;

    /// <summary>The position among the waiting jobs, from 1; 0 once the job is no longer waiting. Set by <see cref="JobOrder"/>, or by
    /// <c>JobMirrors</c> if jobs are shared.</summary>
    public int Position
    {
        get => _position;
        set
        {
            _position = value;
            Feed.Moved();
        }
    }

    /// <summary>Creates a job that is stored, so that it survives its caller and this process.</summary>
    /// <param name="stored">The job in the log.</param>
    /// <param name="request">The request, with its clip.</param>
    /// <param name="encoder">Encodes the sound for listeners; null if there are none.</param>
    /// <param name="now">The time when this process accepted or resumed the job.</param>
    /// <param name="isShared">True if other processes also see the job.</param>
    public static Job Kept(StoredJob stored, JobRequest request, IStreamEncoder? encoder, DateTimeOffset now, bool isShared) =>
        new(stored.Id, request, stored, encoder, CancellationToken.None, isShared) { SubmittedAt = now };

    /// <summary>Creates a job whose caller waits in this process. A worker, usually in another process, claims the stored job and makes the
    /// song.</summary>
    /// <param name="stored">The job in the log.</param>
    /// <param name="request">The request.</param>
    /// <param name="encoder">Encodes the sound for listeners; null if there are none.</param>
    /// <param name="now">The time when the job was accepted.</param>
    /// <param name="caller">Cancels the job.</param>
    public static Job AwaitedElsewhere(
        StoredJob stored, JobRequest request, IStreamEncoder? encoder, DateTimeOffset now, CancellationToken caller) =>
        new(stored.Id, request, stored, encoder, caller, isShared: true) { SubmittedAt = now };

    /// <summary>Creates a job with a waiting caller. It is only in memory and ends when the caller disconnects.</summary>
    /// <param name="request">The request.</param>
    /// <param name="encoder">Encodes the sound for listeners; null if there are none.</param>
    /// <param name="now">The time when the job was accepted.</param>
    /// <param name="owner">The name of the requesting API key; null without keys.</param>
    /// <param name="caller">Cancels the job.</param>
    public static Job Awaited(
        JobRequest request, IStreamEncoder? encoder, DateTimeOffset now, string? owner, CancellationToken caller) =>
        new(NewJob.NewId(), request, stored: null, encoder, caller) { SubmittedAt = now, Owner = owner };

    public void Report(SongProgress value)
    {
        if (value.Stage != SongStage.Queued && _startTimestamp == 0)
        {
            Volatile.Write(ref _startTimestamp, Stopwatch.GetTimestamp());
            _started.TrySetResult();
        }

        if (value.Section > _sections.Count)
        {
            _sections.Add(new(value.Section, Running));
        }

        Feed.Report(value);
    }

    /// <summary>Requests cancellation. A running song ends before its next step.</summary>
    public void Cancel()
    {
        try
        {
            _cancel.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The job has ended.
        }
    }

    /// <summary>Replaces the sound with an empty one: for a new job, or because another process makes the song again from its
    /// beginning.</summary>
    public void RenewSound(IStreamEncoder? encoder) =>
        Sound = encoder is null ? null : new(_tracks, Request.Tags, encoder, Feed.Moved);

    /// <summary>Ends the song and leaves the job to another process.</summary>
    public void Abandon()
    {
        IsAbandoned = true;
        Cancel();
    }

    /// <summary>Records the time since another process's engine began the song.</summary>
    public void NoteRunning(TimeSpan time) =>
        Volatile.Write(ref _startTimestamp, Stopwatch.GetTimestamp() - (long)(time.TotalSeconds * Stopwatch.Frequency));

    /// <summary>Completes <see cref="Song"/> with the result of the engine's song.</summary>
    public void Follow(Task<SongResult> song) => _ = song.ContinueWith(
        ended => _song.TrySetFromTask(ended), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

    /// <summary>Fails a job that this process's engine has not accepted.</summary>
    public void Refuse(Exception reason) => _song.TrySetException(reason);

    /// <summary>Ends a cancelled job that this process's engine has not accepted.</summary>
    public void SetCancelled() => _song.TrySetCanceled(Cancelled);

    public void Dispose() => _cancel.Dispose();

    /// <summary>The start of a section.</summary>
    /// <param name="Section">The number of the section, from 1.</param>
    /// <param name="After">The time since the engine began the song.</param>
    public sealed record SectionStart(int Section, TimeSpan After);
}
