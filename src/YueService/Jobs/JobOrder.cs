using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Options;
using YueService.Settings;

namespace YueService.Jobs;

/// <summary>The waiting jobs in order of arrival. Thread-safe.</summary>
/// <remarks>
/// There is one order and one limit for all jobs, kept or not. The order is in memory because <c>/predict</c> must work when the disk is
/// full.
/// A claimed job keeps its position until the engine begins it, because its model may have to wait for memory. Claimed jobs are always the
/// first ones.
/// </remarks>
internal sealed class JobOrder(IOptions<JobOptions> options) : IJobQueue
{
    private readonly Lock _lock = new();
    private readonly List<Job> _waiting = [];
    private TaskCompletionSource _arrived = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<string?> _reserved = [];      // the owner of each reserved slot
    private int _claimed;

    public bool IsShared => false;

    /// <summary>The number of waiting jobs, excluding claimed ones.</summary>
    public int Depth
    {
        get
        {
            lock (_lock)
            {
                return _waiting.Count - _claimed;
            }
        }
    }

    /// <summary>The maximum number of waiting jobs.</summary>
    public int Capacity => options.Value.QueueCapacity;

    /// <summary>True if no slot is free.</summary>
    public bool IsFull
    {
        get
        {
            lock (_lock)
            {
                return !HasRoomFor(1);
            }
        }
    }

    /// <summary>Reserves slots for jobs that are not stored yet.</summary>
    /// <returns>Accepted, or the limit that would be exceeded; no slot is reserved in that case.</returns>
    public IntakeOutcome Reserve(int slots = 1, string? owner = null)
    {
        lock (_lock)
        {
            var own = _reserved.Count(known => known == owner) + _waiting.Skip(_claimed).Count(job => job.Owner == owner);
            if (!HasRoomFor(slots))
            {
                return IntakeOutcome.QueueFull;
            }

            if (own + slots > options.Value.CapacityOf(owner))
            {
                return IntakeOutcome.OwnerQueueFull;
            }

            _reserved.AddRange(Enumerable.Repeat(owner, slots));
            return IntakeOutcome.Accepted;
        }
    }

    /// <summary>Releases reserved slots.</summary>
    public void Release(int slots = 1, string? owner = null)
    {
        lock (_lock)
        {
            for (var i = 0; i < slots; i++)
            {
                _reserved.Remove(owner);
            }
        }
    }

    /// <summary>Adds a job in a reserved slot, after all others.</summary>
    public void Add(Job job)
    {
        lock (_lock)
        {
            _reserved.Remove(job.Owner);
            _waiting.Add(job);
            job.Position = _waiting.Count;
            _arrived.TrySetResult();
        }
    }

    /// <summary>Adds the jobs of an earlier process ahead of the unclaimed jobs that this process has accepted. The added jobs count toward
    /// the limit and may exceed it.</summary>
    public void Restore(IReadOnlyCollection<Job> jobs)
    {
        lock (_lock)
        {
            _waiting.InsertRange(_claimed, jobs);
            Renumber(_claimed);
            if (_waiting.Count > _claimed)
            {
                _arrived.TrySetResult();
            }
        }
    }

    /// <summary>Claims the next job for the engine.</summary>
    public bool TryClaim([NotNullWhen(true)] out Job? job)
    {
        lock (_lock)
        {
            job = _claimed < _waiting.Count ? _waiting[_claimed++] : null;
            ResetArrived();
            return job is not null;
        }
    }

    /// <summary>Returns the jobs that are waiting ahead of a job, or all waiting jobs if the job is null or is no longer waiting.</summary>
    public IReadOnlyList<Job> Before(Job? job)
    {
        lock (_lock)
        {
            var place = job is null ? -1 : _waiting.IndexOf(job);
            return _waiting[..(place < 0 ? _waiting.Count : place)];
        }
    }

    /// <summary>Removes an unclaimed job.</summary>
    /// <returns>False if it is claimed or is no longer waiting.</returns>
    public bool TryWithdraw(Job job)
    {
        lock (_lock)
        {
            return _waiting.IndexOf(job) >= _claimed && Remove(job);
        }
    }

    /// <summary>Removes a job that has begun or ended, if it is still in the order.</summary>
    public bool Remove(Job job)
    {
        lock (_lock)
        {
            var place = _waiting.IndexOf(job);
            if (place < 0)
            {
                return false;
            }

            _waiting.RemoveAt(place);
            _claimed -= place < _claimed ? 1 : 0;
            job.Position = 0;
            Renumber(place);
            ResetArrived();
            return true;
        }
    }

    /// <summary>Completes when there is an unclaimed job.</summary>
    public Task WhenWaitingAsync(CancellationToken cancel)
    {
        lock (_lock)
        {
            return _arrived.Task.WaitAsync(cancel);
        }
    }

    Task<Job?> IJobQueue.ClaimAsync(CancellationToken cancel) => Task.FromResult(TryClaim(out var job) ? job : null);

    void IJobQueue.Remove(Job job) => Remove(job);

    private bool HasRoomFor(int slots) => _waiting.Count - _claimed + _reserved.Count + slots <= Capacity;

    private void Renumber(int first)
    {
        for (var i = first; i < _waiting.Count; i++)
        {
            _waiting[i].Position = i + 1;
        }
    }

    private void ResetArrived()
    {
        if (_claimed == _waiting.Count && _arrived.Task.IsCompleted)
        {
            _arrived = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }
}
