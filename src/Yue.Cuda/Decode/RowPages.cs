namespace Yue.Cuda.Decode;

/// <summary>The pages of every row of a cache, in order of position. Rows that begin with the same positions share the whole pages of
/// them.</summary>
/// <remarks>A row never has more pages than its positions need, shared ones included, so a pool that suffices for rows which share nothing
/// suffices for all. Not thread-safe.</remarks>
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

    /// <summary>A row's pages.</summary>
    public IReadOnlyList<int> this[int row] => _pages[row];

    /// <summary>Gives a row enough pages for so many positions. It keeps the pages that it has.</summary>
    /// <returns>The number of pages that are missing, and none are taken then; 0 if there are enough.</returns>
    public int Reserve(int row, int positions)
    {
        var missing = KvCache.PagesFor(positions) - _pages[row].Count;
        return missing <= 0 || _pool.TryTake(missing, _pages[row]) ? 0 : missing - _pool.Free;
    }

    /// <summary>Gives a row the positions start .. end of another row that holds them, in place of pages of its own.</summary>
    /// <param name="row">The row, which has pages for the positions.</param>
    /// <param name="holder">The other row. It must not write to the positions any more.</param>
    /// <param name="start">The first position, at the start of a page.</param>
    /// <param name="end">The position after the last.</param>
    /// <returns>The pages to copy, from the holder's to the row's: the last one unless it is whole. The others are shared.</returns>
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

    /// <summary>Takes the pages back that a row does not need for so many positions, and prepares it to write after them.</summary>
    /// <returns>The pages to copy: the last one if others share it, from the shared page to the row's new one.</returns>
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

        // A page that several rows hold leaves one of theirs free.
        var shared = pages[^1];
        pages.RemoveAt(kept - 1);
        if (!_pool.TryTake(1, pages))
        {
            throw new InvalidOperationException("the cache has fewer pages than its rows need");
        }

        _pool.Return(shared);
        return (shared, pages[^1]);
    }

    /// <summary>Takes all pages of a row back. No step that reads them may be running.</summary>
    public void Release(int row)
    {
        _pages[row].ForEach(_pool.Return);
        _pages[row].Clear();
    }
}
