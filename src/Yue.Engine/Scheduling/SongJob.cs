using System.Diagnostics;
using Yue.Engine.Songs;

namespace Yue.Engine.Scheduling;

/// <summary>A submitted song on its way through the engine.</summary>
internal sealed class SongJob(SongRequest request, IProgress<SongProgress>? progress, CancellationToken cancel)
{
    private readonly TaskCompletionSource<SongResult> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly long _submitted = Stopwatch.GetTimestamp();

    public SongRequest Request { get; } = request;

    /// <summary>Listens to the song while it is made; null if nobody can.</summary>
    public ISongListener? Listener { get; init; }

    public CancellationToken Cancel { get; } = cancel;

    public Task<SongResult> Result => _done.Task;

    /// <summary>Time since submission.</summary>
    public TimeSpan Age => Stopwatch.GetElapsedTime(_submitted);

    public void Report(SongProgress value) => progress?.Report(value);

    public void Succeed(SongResult result) => _done.TrySetResult(result);

    public void Fail(Exception error) => _done.TrySetException(error);

    public void SetCancelled() => _done.TrySetCanceled(Cancel);
}
