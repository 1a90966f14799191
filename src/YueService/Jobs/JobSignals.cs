namespace YueService.Jobs;

/// <summary>What the parts of the job service tell each other.</summary>
internal sealed class JobSignals : IDisposable
{
    private readonly CancellationTokenSource _stopped = new();
    private readonly SemaphoreSlim _swept = new(0, 1);
    private readonly TaskCompletionSource _tried = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile StorageException? _closed;

    public JobSignals() => Stopped = _stopped.Token;

    /// <summary>Waits until what an earlier process left is taken up.</summary>
    /// <exception cref="StorageException">The store cannot be opened; it is tried again meanwhile.</exception>
    public async Task WhenOpenAsync(CancellationToken cancel)
    {
        await _tried.Task.WaitAsync(cancel);
        if (_closed is { } reason)
        {
            throw new StorageException(reason.Message, reason);
        }
    }

    /// <summary>Notes how opening the store went.</summary>
    /// <param name="failure">Null when it is open.</param>
    public void Tried(StorageException? failure)
    {
        _closed = failure;
        _tried.TrySetResult();
    }

    /// <summary>Cancelled when the drain is over: streams end, and nothing is tried again.</summary>
    public CancellationToken Stopped { get; }

    public void Stop()
    {
        try
        {
            _stopped.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The host is gone: it stopped before.
        }
    }

    /// <summary>Says that there may be something to remove.</summary>
    public void SongEnded()
    {
        try
        {
            _swept.Release();
        }
        catch (SemaphoreFullException)
        {
            // It is said already.
        }
    }

    /// <summary>Waits for <see cref="SongEnded"/>, at most as long as given.</summary>
    public Task WaitAsync(TimeSpan limit, CancellationToken cancel) => _swept.WaitAsync(limit, cancel);

    public void Dispose()
    {
        _stopped.Dispose();
        _swept.Dispose();
    }
}
