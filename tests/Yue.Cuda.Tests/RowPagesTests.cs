using Xunit;
using Yue.Cuda.Decode;

namespace Yue.Cuda.Tests;

/// <summary>Tests the ownership of pages. No device is needed.</summary>
public sealed class RowPagesTests
{
    private const int Size = KvCache.PageSize;

    [Fact]
    public void Rows_share_whole_pages_and_get_a_copy_of_the_last_one()
    {
        var pool = new PagePool(20);
        var rows = new RowPages(pool, rows: 3);
        Assert.Equal(0, rows.Reserve(0, (3 * Size) + 10));
        Assert.Equal(0, rows.Reserve(1, (5 * Size) + 1));
        var last = rows[1][3];
        Assert.Equal((rows[0][3], last), rows.Adopt(1, holder: 0, start: 0, end: (3 * Size) + 10));
        Assert.Equal(rows[0].Take(3), rows[1].Take(3));
        Assert.Equal((last, 6), (rows[1][3], rows[1].Count));
        Assert.Equal(20 - 4 - 3, pool.Free);

        rows.Release(0);
        Assert.Equal(20 - 6, pool.Free);
        Assert.False(pool.IsShared(rows[1][0]));
        rows.Release(1);
        Assert.Equal(20, pool.Free);
    }

    [Fact]
    public void A_row_truncated_within_shared_pages_writes_to_its_own_pages()
    {
        var pool = new PagePool(20);
        var rows = new RowPages(pool, rows: 2);
        rows.Reserve(0, 4 * Size);
        rows.Reserve(1, 6 * Size);
        Assert.Null(rows.Adopt(1, holder: 0, start: 0, end: 4 * Size));
        var shared = rows[0].ToArray();

        Assert.Equal((shared[2], rows[1].Count), (rows.Truncate(1, (2 * Size) + 5)!.Value.From, 6 - 3 + 3));
        Assert.Equal(shared, rows[0]);
        Assert.Equal(shared[..2], rows[1].Take(2));
        Assert.DoesNotContain(rows[1][2], shared);
        Assert.Null(rows.Truncate(0, 2 * Size));
        rows.Reserve(0, 4 * Size);
        Assert.Empty(rows[0].Skip(2).Intersect(rows[1].Skip(2)));
    }

    [Fact]
    public void Too_few_pages_are_reported_and_none_is_reserved()
    {
        var pool = new PagePool(4);
        var rows = new RowPages(pool, rows: 2);
        Assert.Equal(0, rows.Reserve(0, 3 * Size));
        Assert.Equal(2, rows.Reserve(1, 3 * Size));
        Assert.Empty(rows[1]);
        Assert.Equal(1, pool.Free);
    }

    [Fact]
    public void A_free_page_cannot_be_shared_or_released()
    {
        var pool = new PagePool(1);
        var pages = new List<int>();
        Assert.True(pool.TryTake(1, pages));
        Assert.False(pool.TryTake(1, pages));
        pool.Share(pages[0]);
        pool.Return(pages[0]);
        Assert.Equal(0, pool.Free);
        pool.Return(pages[0]);
        Assert.Throws<InvalidOperationException>(() => pool.Return(pages[0]));
        Assert.Throws<InvalidOperationException>(() => pool.Share(pages[0]));
    }

    /// <summary>Simulates rows that write, adopt, truncate and release positions in random order. Each row must read the positions that it
    /// wrote or adopted. The pool, which is large enough for all rows without sharing, must never run out of pages.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Every_row_reads_its_own_positions_independently_of_the_others(int seed)
    {
        const int Rows = 4;
        const int MaxPositions = 6 * Size;
        var random = new Random(seed);
        var pool = new PagePool(Rows * KvCache.PagesFor(MaxPositions));
        var rows = new RowPages(pool, Rows);
        var memory = new int[pool.Count * Size];
        var expected = Enumerable.Range(0, Rows).Select(_ => new List<int>()).ToArray();
        var (opening, held) = (new int[Rows], new int[Rows]);   // the length of the first prompt, and how much of it the row still has
        var adopted = 0;
        for (var step = 0; step < 5000; step++)
        {
            var row = random.Next(Rows);
            switch (random.Next(4))
            {
                case 0 when expected[row].Count == 0:
                    Begin(row);
                    break;
                case 1 when expected[row].Count > 0:
                    Write(row, Math.Min(random.Next(1, 2 * Size), MaxPositions - expected[row].Count));
                    break;
                case 2 when expected[row].Count > 0:
                    Truncate(row, random.Next(1, expected[row].Count + 1));
                    break;
                case 3:
                    rows.Release(row);
                    expected[row].Clear();
                    held[row] = 0;
                    break;
            }

            for (var i = 0; i < Rows; i++)
            {
                Assert.Equal(expected[i], Enumerable.Range(0, expected[i].Count).Select(position => memory[Place(i, position)]));
            }

            Assert.Equal(pool.Count - pool.Free, Enumerable.Range(0, Rows).SelectMany(i => rows[i]).Distinct().Count());
        }

        Assert.True(adopted > 100, $"{adopted} rows adopted positions");

        void Begin(int row)
        {
            Assert.Equal(0, rows.Reserve(row, MaxPositions));
            var holder = random.Next(Rows);
            if (holder == row || held[holder] < opening[holder] || held[holder] == 0)
            {
                Write(row, random.Next(1, 4 * Size));
                opening[row] = held[row] = expected[row].Count;
                return;
            }

            Copy(rows.Adopt(row, holder, 0, opening[holder]));
            expected[row].AddRange(expected[holder].Take(opening[holder]));
            opening[row] = held[row] = opening[holder];
            adopted++;
        }

        void Write(int row, int count)
        {
            Assert.Equal(0, rows.Reserve(row, MaxPositions));
            for (var i = 0; i < count; i++)
            {
                expected[row].Add(random.Next());
                memory[Place(row, expected[row].Count - 1)] = expected[row][^1];
            }
        }

        void Truncate(int row, int length)
        {
            Copy(rows.Truncate(row, length));
            expected[row].RemoveRange(length, expected[row].Count - length);
            held[row] = Math.Min(held[row], length);
        }

        void Copy((int From, int To)? pages)
        {
            if (pages is var (from, to))
            {
                memory.AsSpan(from * Size, Size).CopyTo(memory.AsSpan(to * Size));
            }
        }

        int Place(int row, int position) => (rows[row][position / Size] * Size) + (position % Size);
    }
}
