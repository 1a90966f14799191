using System.Diagnostics.CodeAnalysis;

namespace Yue.Engine.Scheduling;

/// <summary>Songs that wait for a place, in order of arrival; bounded. Safe for any thread.</summary>
internal sealed class SongQueue(int capacity)
{
    private readonly object _lock = new();      // with a condition to wait for, which Lock has not
    private readonly LinkedList<SongJob> _jobs = [];
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
            Monitor.Pulse(_lock);
        }

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

    /// <summary>Whether it takes no more jobs.</summary>
    public bool IsClosed
    {
        get
        {
            lock (_lock)
            {
                return _closed;
            }
        }
    }

    /// <summary>Blocks until a job waits or the queue is closed.</summary>
    /// <returns>Whether a job waits.</returns>
    public bool Wait()
    {
        lock (_lock)
        {
            while (_jobs.Count == 0 && !_closed)
            {
                Monitor.Wait(_lock);
            }

            return _jobs.Count > 0;
        }
    }

    /// <summary>Takes no more jobs and fails those that wait.</summary>
    public void Close(Exception reason)
    {
        SongJob[] left;
        lock (_lock)
        {
            _closed = true;
            left = [.. _jobs];
            _jobs.Clear();
            Monitor.Pulse(_lock);
        }

        foreach (var job in left)
        {
            job.Fail(reason);
        }
    }

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
