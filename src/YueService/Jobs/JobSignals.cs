namespace YueService.Jobs;

/// <summary>The signals between the parts of the job service.</summary>
internal sealed class JobSignals : IDisposable
{
    private readonly CancellationTokenSource _stopped = new();
    private readonly SemaphoreSlim _swept = new(0, 1);
    private readonly TaskCompletionSource _tried = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile StorageException? _closed;
    private volatile StorageException? _suspect;

    public JobSignals() => Stopped = _stopped.Token;

    /// <summary>Waits until the store is open and the jobs of an earlier process have been resumed.</summary>
    /// <exception cref="StorageException">The store cannot be opened; the job service keeps trying to open it.</exception>
    public async Task WhenOpenAsync(CancellationToken cancel)
    {
        await _tried.Task.WaitAsync(cancel);
        if (_closed is { } reason)
        {
            throw new StorageException(reason.Message, reason);
        }
    }

    /// <summary>Sets the result of opening the store.</summary>
    /// <param name="failure">The reason why it is not open; null if it is.</param>
    public void SetOpenResult(StorageException? failure)
    {
        _closed = failure;
        _tried.TrySetResult();
    }

    /// <summary>True if the store could not be written to, and nothing has been written since then.</summary>
    public bool IsSuspect => _suspect is not null;

    /// <summary>Returns the reason why jobs cannot be accepted now; null if they can. Waits for the first attempt to open the
    /// store.</summary>
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

    /// <summary>Records that the store cannot be written to; the job service retries until it can.</summary>
    /// <param name="failure">The reason.</param>
    /// <param name="wake">True to wake the job service.</param>
    public void Suspect(StorageException failure, bool wake = true)
    {
        _suspect = failure;
        if (wake)
        {
            Wake();
        }
    }

    /// <summary>Records that the store was written to.</summary>
    public void Trust() => _suspect = null;

    /// <summary>Cancelled when the drain has ended: streams end, and nothing is retried.</summary>
    public CancellationToken Stopped { get; }

    public void Stop()
    {
        try
        {
            _stopped.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The host has already stopped.
        }
    }

    /// <summary>Wakes the job service, because there may be something to remove or to retry.</summary>
    public void Wake()
    {
        try
        {
            _swept.Release();
        }
        catch (SemaphoreFullException)
        {
            // A wake-up is already pending.
        }
    }

    /// <summary>Waits for <see cref="Wake"/> with a timeout.</summary>
    public Task WaitAsync(TimeSpan limit, CancellationToken cancel) => _swept.WaitAsync(limit, cancel);

    public void Dispose()
    {
        _stopped.Dispose();
        _swept.Dispose();
    }
}
