// The units of attention: how the pages of rows and key-value heads are assigned to blocks and warps.
//
// A unit is one split (one page of 64 positions, or more in long rows) of one row and one key-value head. Units are distributed over the
// blocks in the same way in every layer, so a block lists its first units once per step.
#pragma once
#include "model.cuh"

struct Unit
{
    int row, split, kv_head, pages, first_page;
};

// Packs the unit with this index in the launch into one word: row, split, key-value head and number of pages.
DEV u32 unit_code(const Shared& shared, int rows, int index)
{
    int row = 0;
    while (row + 1 < rows && index >= shared.unit_start[row + 1]) row++;
    int local = index - shared.unit_start[row], pages = shared.position[row] / PAGE + 1, shift = split_shift(pages);
    int split = local / KV_HEADS, kv_head = local % KV_HEADS;
    return (u32)row | (u32)split << 7 | (u32)kv_head << 13 | (u32)min(1 << shift, pages - (split << shift)) << 21;
}

// Returns the i-th unit of this block.
DEV Unit unit_of(const Step& s, const Shared& shared, int i)
{
    bool listed = i < LISTED_UNITS;
    u32 code = listed ? shared.units[i] : unit_code(shared, s.rows, (int)(blockIdx.x + i * gridDim.x));
    Unit u = { (int)(code & 127), (int)(code >> 7 & 63), (int)(code >> 13 & 255), (int)(code >> 21), 0 };
    u.first_page = listed
        ? shared.unit_pages[i]
        : s.page_table[(size_t)u.row * s.max_pages + (u.split << split_shift(shared.position[u.row] / PAGE + 1))];
    return u;
}

// Lists the first units of this block in shared memory.
DEV void list_units(const Step& s, Shared& shared)
{
    Deal deal(shared.unit_start[s.rows], 0);
    for (int i = threadIdx.x; i < deal.count && i < LISTED_UNITS; i += BLOCK_THREADS)
    {
        u32 code = unit_code(shared, s.rows, deal.first + i * (int)gridDim.x);
        int row = code & 127;
        shared.units[i] = code;
        shared.unit_pages[i] = s.page_table[(size_t)row * s.max_pages + ((code >> 7 & 63) << split_shift(shared.position[row] / PAGE + 1))];
    }
}

// Returns page p of a unit.
DEV int unit_page(const Step& s, const Shared& shared, const Unit& u, int p)
{
    if (p == 0) return u.first_page;
    return s.page_table[(size_t)u.row * s.max_pages + (u.split << split_shift(shared.position[u.row] / PAGE + 1)) + p];
}
