using System.Diagnostics.CodeAnalysis;

namespace Yue.Engine;

/// <summary>Songs that wait for a place, in order of arrival; bounded. Safe for any thread.</summary>
internal sealed class SongQueue(int capacity) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly LinkedList<SongJob> _jobs = [];
    private readonly SemaphoreSlim _wake = new(0);
    private bool _closed;

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _jobs.Count;
            }
        }
    }

    /// <summary>Appends a job unless the queue is full or closed. A job cancelled while it waits leaves at once.</summary>
    public bool TryEnqueue(SongJob job)
    {
        lock (_lock)
        {
            if (_closed || _jobs.Count >= capacity)
            {
                return false;
            }

            _jobs.AddLast(job);
        }

        _wake.Release();
        var registration = job.Cancel.UnsafeRegister(_ => Drop(job), null);
        _ = job.Result.ContinueWith(_ => registration.Dispose(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return true;
    }

    public bool TryDequeue([NotNullWhen(true)] out SongJob? job)
    {
        lock (_lock)
        {
            job = _jobs.First?.Value;
            if (job is not null)
            {
                _jobs.RemoveFirst();
            }

            return job is not null;
        }
    }

    /// <summary>Blocks until something was enqueued since the last wait, or the queue was closed.</summary>
    public void Wait() => _wake.Wait();

    /// <summary>Takes no more jobs and returns those that waited.</summary>
    public IReadOnlyList<SongJob> Close()
    {
        lock (_lock)
        {
            _closed = true;
            SongJob[] left = [.. _jobs];
            _jobs.Clear();
            _wake.Release();
            return left;
        }
    }

    public void Dispose() => _wake.Dispose();

    private void Drop(SongJob job)
    {
        bool waiting;
        lock (_lock)
        {
            waiting = _jobs.Remove(job);
        }

        if (waiting)
        {
            job.SetCancelled();
        }
    }
}
