namespace Yue.Cuda.Decode;

/// <summary>The pages of a cache. A page has one or more holders, and becomes free when its last holder returns it.</summary>
/// <remarks>Manages only page numbers and does not use a device. Not thread-safe.</remarks>
public sealed class PagePool
{
    private readonly Stack<int> _free;
    private readonly int[] _holders;

    /// <summary>Creates a pool of free pages.</summary>
    public PagePool(int pages)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(pages);
        _free = new Stack<int>(Enumerable.Range(0, pages).Reverse());
        _holders = new int[pages];
    }

    /// <summary>The number of pages, free or not.</summary>
    public int Count => _holders.Length;

    /// <summary>The number of free pages.</summary>
    public int Free => _free.Count;

    /// <summary>Takes free pages, or returns false and takes none.</summary>
    public bool TryTake(int count, ICollection<int> pages)
    {
        ArgumentNullException.ThrowIfNull(pages);
        if (count > _free.Count)
        {
            return false;
        }

        for (var i = 0; i < count; i++)
        {
            var page = _free.Pop();
            _holders[page] = 1;
            pages.Add(page);
        }

        return true;
    }

    /// <summary>Adds a holder to a page that already has one. No holder may write to the page while it is shared.</summary>
    public void Share(int page)
    {
        CheckHeld(page);
        _holders[page]++;
    }

    /// <summary>Returns true if a page has several holders.</summary>
    public bool IsShared(int page) => _holders[page] > 1;

    /// <summary>Removes a holder from a page. If the page becomes free, no step that reads it may still be running.</summary>
    public void Return(int page)
    {
        CheckHeld(page);
        if (--_holders[page] == 0)
        {
            _free.Push(page);
        }
    }

    private void CheckHeld(int page)
    {
        if (_holders[page] == 0)
        {
            throw new InvalidOperationException($"page {page} is free");
        }
    }
}
