namespace YueService.Jobs;

/// <summary>What the parts of the job service tell each other.</summary>
internal sealed class JobSignals : IDisposable
{
    private readonly CancellationTokenSource _stopped = new();
    private readonly SemaphoreSlim _swept = new(0, 1);
    private readonly TaskCompletionSource _tried = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile StorageException? _closed;
    private volatile StorageException? _suspect;

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

    /// <summary>True if a job could not be stored, and nothing was written since.</summary>
    public bool IsSuspect => _suspect is not null;

    /// <summary>Returns why jobs cannot be accepted now, or null when they can. Waits for the first try to open the store.</summary>
    public async Task<string?> WhyClosedAsync(TimeSpan limit, CancellationToken cancel)
    {
        try
        {
            await _tried.Task.WaitAsync(limit, cancel);
            return _closed?.Message ?? _suspect?.Message;
        }
        catch (TimeoutException)
        {
            return "The jobs of earlier processes are still being read.";
        }
    }

    /// <summary>Notes that the store cannot be written; the job service tries again until it can.</summary>
    /// <param name="failure">Why.</param>
    /// <param name="wake">Whether the job service is to begin with it.</param>
    public void Suspect(StorageException failure, bool wake = true)
    {
        _suspect = failure;
        if (wake)
        {
            Wake();
        }
    }

    /// <summary>Notes that the store was written.</summary>
    public void Trust() => _suspect = null;

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

    /// <summary>Wakes the job service: there may be something to remove or to try again.</summary>
    public void Wake()
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

    /// <summary>Waits for <see cref="Wake"/>, at most as long as given.</summary>
    public Task WaitAsync(TimeSpan limit, CancellationToken cancel) => _swept.WaitAsync(limit, cancel);

    public void Dispose()
    {
        _stopped.Dispose();
        _swept.Dispose();
    }
}
