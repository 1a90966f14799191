namespace Yue.Cuda.Decode;

/// <summary>The pages of every row of a cache, in order of position. Rows that begin with the same ids share the complete pages of these
/// ids.</summary>
/// <remarks>A row never has more pages than its positions need, including shared pages. Therefore a pool that is large enough without
/// sharing is always large enough. Not thread-safe.</remarks>
public sealed class RowPages
{
    private readonly PagePool _pool;
    private readonly List<int>[] _pages;

    /// <summary>Creates rows without pages.</summary>
    public RowPages(PagePool pool, int rows)
    {
        _pool = pool;
        _pages = [.. Enumerable.Range(0, rows).Select(_ => new List<int>())];
    }

    /// <summary>Returns a row's pages.</summary>
    public IReadOnlyList<int> this[int row] => _pages[row];

    /// <summary>Adds pages to a row until it has enough for the given number of positions.</summary>
    /// <returns>0 if the row now has enough pages; otherwise the number of pages that the pool lacks, in which case none are
    /// taken.</returns>
    public int Reserve(int row, int positions)
    {
        var missing = KvCache.PagesFor(positions) - _pages[row].Count;
        return missing <= 0 || _pool.TryTake(missing, _pages[row]) ? 0 : missing - _pool.Free;
    }

    /// <summary>Makes a row share the positions start .. end of another row. The row's own pages for these positions are
    /// released.</summary>
    /// <param name="row">The row, which must have pages for the positions.</param>
    /// <param name="holder">The other row. It must not write to these positions anymore.</param>
    /// <param name="start">The first position, at the start of a page.</param>
    /// <param name="end">The position after the last one.</param>
    /// <returns>If the last page is partial, the holder's page and the row's page to copy it to; otherwise null. Complete pages are
    /// shared.</returns>
    public (int From, int To)? Adopt(int row, int holder, int start, int end)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(start % KvCache.PageSize, 0, nameof(start));
        var (own, other) = (_pages[row], _pages[holder]);
        for (var i = start / KvCache.PageSize; i < end / KvCache.PageSize; i++)
        {
            _pool.Share(other[i]);
            _pool.Return(own[i]);
            own[i] = other[i];
        }

        var last = end / KvCache.PageSize;
        return end % KvCache.PageSize == 0 ? null : (other[last], own[last]);
    }

    /// <summary>Releases the pages that a row does not need for the given number of positions, and prepares the row to write after these
    /// positions.</summary>
    /// <returns>If the last page is partial and other rows share it, that page and the row's new page to copy it to; otherwise
    /// null.</returns>
    public (int From, int To)? Truncate(int row, int positions)
    {
        var pages = _pages[row];
        var kept = KvCache.PagesFor(positions);
        for (var i = kept; i < pages.Count; i++)
        {
            _pool.Return(pages[i]);
        }

        pages.RemoveRange(kept, Math.Max(0, pages.Count - kept));
        if (positions % KvCache.PageSize == 0 || !_pool.IsShared(pages[^1]))
        {
            return null;
        }

        // Sharing the page released another one, so at least one page is free.
        var shared = pages[^1];
        pages.RemoveAt(kept - 1);
        if (!_pool.TryTake(1, pages))
        {
            throw new InvalidOperationException("the cache has fewer pages than its rows need");
        }

        _pool.Return(shared);
        return (shared, pages[^1]);
    }

    /// <summary>Releases all pages of a row. No step that reads them may be running.</summary>
    public void Release(int row)
    {
        _pages[row].ForEach(_pool.Return);
        _pages[row].Clear();
    }
}
