using System.Diagnostics.CodeAnalysis;

namespace Yue.Engine.Scheduling;

/// <summary>Hands admitted songs and orders to the engine's thread, and tracks the number of free slots. Thread-safe.</summary>
internal sealed class SongHandoff
{
    private readonly object _lock = new();      // used with Monitor.Wait, which Lock does not support
    private readonly Queue<SongTicket> _arrived = new();
    private readonly Queue<ModelOrder> _orders = new();
    private TaskCompletionSource _room = NewRoom();
    private int _freeSlots;
    private bool _closed;

    /// <summary>True if songs are no longer admitted.</summary>
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

    /// <summary>Admits a song if a slot is free.</summary>
    public bool TryAdd(SongTicket ticket)
    {
        lock (_lock)
        {
            if (_closed || _freeSlots == 0)
            {
                return false;
            }

            _arrived.Enqueue(ticket);
            SetFreeSlots(_freeSlots - 1);
            Monitor.Pulse(_lock);
            return true;
        }
    }

    /// <summary>Takes the next admitted song. Called by the engine's thread.</summary>
    public bool TryTake([NotNullWhen(true)] out SongTicket? ticket)
    {
        lock (_lock)
        {
            return _arrived.TryDequeue(out ticket);
        }
    }

    /// <summary>Adds an order to load or unload a model. Returns false if the handoff is closed.</summary>
    public bool TryAdd(ModelOrder order)
    {
        lock (_lock)
        {
            if (_closed)
            {
                return false;
            }

            _orders.Enqueue(order);
            Monitor.Pulse(_lock);
            return true;
        }
    }

    /// <summary>Takes the next order. Called by the engine's thread.</summary>
    public bool TryTake([NotNullWhen(true)] out ModelOrder? order)
    {
        lock (_lock)
        {
            return _orders.TryDequeue(out order);
        }
    }

    /// <summary>Sets the number of songs that the engine's thread has room for, including admitted songs that it has not taken
    /// yet.</summary>
    public void SetRoom(int songs)
    {
        lock (_lock)
        {
            if (!_closed)
            {
                SetFreeSlots(Math.Max(0, songs - _arrived.Count));
            }
        }
    }

    /// <summary>Completes when a slot is free. Fails with the reason passed to <see cref="Close"/>.</summary>
    public Task WhenRoomAsync(CancellationToken cancel)
    {
        lock (_lock)
        {
            return _room.Task.WaitAsync(cancel);
        }
    }

    /// <summary>Blocks until a song or an order arrives, the handoff is closed, or the time limit has passed.</summary>
    /// <param name="limit">The time to wait; <see cref="Timeout.InfiniteTimeSpan"/> for no limit.</param>
    public Arrival Wait(TimeSpan limit)
    {
        lock (_lock)
        {
            while (_arrived.Count + _orders.Count == 0 && !_closed && Monitor.Wait(_lock, limit))
            {
            }

            return _arrived.Count + _orders.Count > 0 ? Arrival.Work
                : _closed ? Arrival.Closed
                : Arrival.None;
        }
    }

    /// <summary>Stops admitting songs, and fails the songs and orders that the engine's thread has not taken. Only the first call has an
    /// effect.</summary>
    public void Close(Exception reason)
    {
        SongTicket[] left;
        ModelOrder[] orders;
        lock (_lock)
        {
            (left, orders) = ([.. _arrived], [.. _orders]);
            _arrived.Clear();
            _orders.Clear();
            if (!_closed)
            {
                _closed = true;
                _room.TrySetResult();
                _room = NewRoom();
                _room.SetException(reason);
                _ = _room.Task.Exception;   // marked as observed, because there may be no waiter
            }

            Monitor.Pulse(_lock);
        }

        foreach (var ticket in left)
        {
            ticket.Fail(reason);
        }

        foreach (var order in orders)
        {
            order.Fail(reason);
        }
    }

    private void SetFreeSlots(int count)
    {
        _freeSlots = count;
        if (count > 0)
        {
            _room.TrySetResult();
        }
        else if (_room.Task.IsCompleted)
        {
            _room = NewRoom();
        }
    }

    private static TaskCompletionSource NewRoom() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <summary>The result of a wait by the engine's thread.</summary>
internal enum Arrival
{
    /// <summary>Nothing arrived within the time limit.</summary>
    None,

    /// <summary>A song or an order has arrived.</summary>
    Work,

    /// <summary>No more songs or orders will arrive.</summary>
    Closed,
}
