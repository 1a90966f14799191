using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace YueService.Jobs;

/// <summary>Bytes that arrive in chunks, for any number of readers. Each reads from the first chunk on, at its own pace.</summary>
/// <remarks>Readers share the chunks, so a slow one costs no memory of its own.</remarks>
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

    /// <summary>Adds a chunk, which nobody changes any more. Ignored after the end.</summary>
    public void Add(byte[] chunk) => Change(() => _chunks.Add(chunk));

    /// <summary>Ends the feed. Only the first end counts.</summary>
    /// <param name="fault">What readers get after the last chunk; null if the feed is whole.</param>
    public void Complete(Exception? fault = null) => Change(() => (_isComplete, _fault) = (true, fault));

    /// <summary>Returns the chunks that are there from one on.</summary>
    /// <param name="index">The first chunk to return.</param>
    /// <param name="isWhole">True if there will be no more, and the feed did not end early.</param>
    public IReadOnlyList<byte[]> From(int index, out bool isWhole)
    {
        lock (_lock)
        {
            isWhole = _isComplete && _fault is null;
            return [.. _chunks.Skip(index)];
        }
    }

    /// <summary>Returns the chunks from the first one on, and waits for those that are still to come.</summary>
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

    /// <summary>Returns a chunk; or what completes when there are more; or neither at the end.</summary>
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
