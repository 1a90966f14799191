using System.Diagnostics;
using Yue.Engine.Songs;

namespace Yue.Engine.Scheduling;

/// <summary>The caller's handle to a song that an engine makes.</summary>
/// <param name="request">A request within <see cref="SongLimits"/>.</param>
/// <param name="progress">Receives progress on the engine's thread. It must not block.</param>
/// <param name="cancel">Stops the song before its next step.</param>
public sealed class SongTicket(SongRequest request, IProgress<SongProgress>? progress, CancellationToken cancel)
{
    private readonly TaskCompletionSource<SongResult> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly long _created = Stopwatch.GetTimestamp();

    /// <summary>The song to make.</summary>
    public SongRequest Request { get; } = request;

    /// <summary>Stops the song before its next step.</summary>
    public CancellationToken Cancel { get; } = cancel;

    /// <summary>The listener that receives sound while the song is being made; null if there is none.</summary>
    public ISongListener? Listener { get; init; }

    /// <summary>The time that the request waited before it got a ticket.</summary>
    public TimeSpan Waited { get; init; }

    /// <summary>The finished song. Fails with <see cref="SongException"/> if this song cannot be made and with
    /// <see cref="EngineDeadException"/> if the device is lost. Is cancelled by the token.</summary>
    public Task<SongResult> Result => _done.Task;

    /// <summary>The time since the request was submitted.</summary>
    public TimeSpan Age => Waited + Stopwatch.GetElapsedTime(_created);

    /// <summary>Reports progress. Called by the engine, like the methods below.</summary>
    public void Report(SongProgress value) => progress?.Report(value);

    /// <summary>Completes <see cref="Result"/>. Only the first call to <see cref="Succeed"/>, <see cref="Fail"/> or
    /// <see cref="SetCancelled"/> has an effect.</summary>
    public void Succeed(SongResult result) => _done.TrySetResult(result);

    /// <inheritdoc cref="Succeed"/>
    public void Fail(Exception error) => _done.TrySetException(error);

    /// <inheritdoc cref="Succeed"/>
    public void SetCancelled() => _done.TrySetCanceled(Cancel);
}
