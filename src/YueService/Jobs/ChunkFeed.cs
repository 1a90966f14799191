using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace YueService.Jobs;

/// <summary>Bytes that arrive in chunks, for any number of readers. Each reads from the first chunk at its own pace.</summary>
/// <remarks>Readers share the chunks, so a slow reader needs no additional memory.</remarks>
internal sealed class ChunkFeed
{
    private readonly Lock _lock = new();
    private readonly List<byte[]> _chunks = [];
    private TaskCompletionSource _changed = NewSignal();
    private bool _isComplete;
    private Exception? _fault;

    /// <summary>True if the feed ended early.</summary>
    public bool IsFaulted
    {
        get
        {
            lock (_lock)
            {
                return _fault is not null;
            }
        }
    }

    /// <summary>Adds a chunk, which must not be changed from then on. Has no effect after the end.</summary>
    public void Add(byte[] chunk) => Change(() => _chunks.Add(chunk));

    /// <summary>Ends the feed. Only the first call has an effect.</summary>
    /// <param name="fault">The exception that readers get after the last chunk; null if the feed is complete.</param>
    public void Complete(Exception? fault = null) => Change(() => (_isComplete, _fault) = (true, fault));

    /// <summary>Returns the available chunks, starting at an index.</summary>
    /// <param name="index">The index of the first chunk to return.</param>
    /// <param name="isWhole">True if there will be no more chunks and the feed did not end early.</param>
    public IReadOnlyList<byte[]> From(int index, out bool isWhole)
    {
        lock (_lock)
        {
            isWhole = _isComplete && _fault is null;
            return [.. _chunks.Skip(index)];
        }
    }

    /// <summary>Returns all chunks from the first one, and waits for those that have not arrived yet.</summary>
    public async IAsyncEnumerable<byte[]> ReadAsync([EnumeratorCancellation] CancellationToken cancel)
    {
        var next = 0;
        while (true)
        {
            var (chunk, changed) = At(next);
            if (chunk is not null)
            {
                next++;
                yield return chunk;
            }
            else if (changed is not null)
            {
                await changed.WaitAsync(cancel);
            }
            else
            {
                yield break;
            }
        }
    }

    /// <summary>Returns a chunk, or a task that completes when the feed changes, or neither at the end. Throws if the feed ended
    /// early.</summary>
    private (byte[]? Chunk, Task? Changed) At(int index)
    {
        lock (_lock)
        {
            if (index < _chunks.Count)
            {
                return (_chunks[index], null);
            }

            if (_isComplete && _fault is not null)
            {
                ExceptionDispatchInfo.Throw(_fault);
            }

            return (null, _isComplete ? null : _changed.Task);
        }
    }

    private void Change(Action change)
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            if (_isComplete)
            {
                return;
            }

            change();
            (changed, _changed) = (_changed, NewSignal());
        }

        changed.SetResult();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
