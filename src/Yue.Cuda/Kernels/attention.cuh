// attended[m][h] = sum_t softmax_t(q[m][h] . k[t] / sqrt(128)) v[t] over the cached positions t = 0..position of row m.
//
// A unit is one split (a page of 64 positions, or several in long rows) of one row and key-value head: a warp computes it on the tensor
// cores and stores the unnormalized sums of the values, the largest score and the sum of the weights; a second phase joins the splits in
// order. The 16-row operand contains positions, and later the dimensions of the values. The 8-column operand contains the group's query
// heads, at most eight. No row is wasted, and the sums of 128 dimensions take 32 registers (with queries as the 16-row operand, they took
// 64 and spilled). The current position's key and value are computed in this launch: the warp whose unit contains their page writes them to
// the cache and to its copy of the page. Later positions contain arbitrary data and are masked: bf16 values bit by bit; e4m3 values, which
// widen_e4m3 makes finite, with a weight of zero.
#pragma once
#include "attention_cache.cuh"

constexpr int RUN = CACHE == 0 && 32 * PARTS < PAGE ? 32 * PARTS : PAGE;         // positions per slot; slots of keys and values alternate
constexpr int RUN_BYTES = CACHE == 0 ? RUN * POSITION_BYTES : BLOCK_BYTES;
constexpr int PAGE_SLOTS = 2 * PAGE / RUN;
static_assert(RUN_BYTES <= SLOT_BYTES && PAGE % RUN == 0, "a run of keys fits a slot");
static_assert(PAGE_SLOTS <= PASSED_AT_ONCE, "all slots of a page are passed after one check");

DEV void produce_attention(const Step& s, const Shared& shared, const Ring& ring, Front& at, u64 policy, int layer)
{
    Deal deal(shared.unit_start[s.rows], 0);
#pragma unroll 1
    for (int i = 0; i < deal.count; i++)
    {
        Unit u = unit_of(s, shared, i);
#pragma unroll 1
        for (int p = 0; p < u.pages; p++)
        {
            const u8* source = s.cache + cache_offset(unit_page(s, shared, u, p), layer, s.layer_count, 0, u.kv_head);
#pragma unroll 1
            for (int slot = 0; slot < PAGE_SLOTS; slot++)
            {
                const u8* from = source + (slot & 1) * KV_HEADS * BLOCK_BYTES + (slot >> 1) * RUN_BYTES;
                constexpr u32 PIECE = RUN_BYTES / PRODUCER_WARPS;
                fill_slot<PRODUCER_WARPS>(ring, at, PIECE, PIECE, policy, [&](int i) { return from + i * PIECE; });
            }
        }
    }
}

// Every warp passes every slot, even if it does not read it. A slot is refilled after all warps have passed it, so no warp's phase falls
// behind.
DEV void leave_slot(const Ring& ring, Cursor& at)
{
    __syncwarp();
    if ((threadIdx.x & 31) == 0) barrier_arrive(at.empty(ring));
    at.advance(ring);
}

// The slots of a page are filled in order, so once the last is full, the copies to all of them have begun. Whether they have ended does not
// matter here (PASSED_AT_ONCE in ring.cuh).
DEV void pass_page(const Ring& ring, Cursor& at)
{
    Cursor last = at;
    for (int i = 1; i < PAGE_SLOTS; i++) last.advance(ring);
    barrier_wait(last.full(ring), last.phase);
#pragma unroll
    for (int i = 0; i < PAGE_SLOTS; i++) leave_slot(ring, at);
}

DEV void load_queries(const Step& s, const Shared& shared, int i, uint4 (&q)[4])
{
    int lane = threadIdx.x & 31, g = lane >> 2, c = lane & 3;
    Unit u = unit_of(s, shared, i);
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
        q[i] = g < GROUP
            ? load_shared_u4(s.query + (size_t)u.row * (HEADS * D) + (u.kv_head * GROUP + g) * D + Cache::query_piece(c, i) * 8)
            : make_uint4(0, 0, 0, 0);
    }
}

// Returns 1 / root mean square of a query or key head from the sums of squares of its tiles. Four consecutive lanes compute one head.
DEV float head_rstd(const Step& s, int row, int head)
{
    static_assert(HEAD_TILES == 16, "four shares per lane");
    const float* shares = s.head_squares + ((size_t)row * ROTATED_HEADS + head) * HEAD_TILES;
    float4 share = load_shared_f4(shares + (threadIdx.x & 3) * 4);
    float sum = share.x + share.y + share.z + share.w;
    sum += __shfl_xor_sync(0xffffffffu, sum, 1);
    sum += __shfl_xor_sync(0xffffffffu, sum, 2);
    return rsqrtf(sum / D + s.epsilon);
}

// Stores the norm factors of the unit's query heads 2 c and 2 c + 1 in lane column c, which multiplies the scores by them.
DEV void load_query_rstd(const Step& s, const Unit& u, Attended& sums)
{
    int lane = threadIdx.x & 31, g = lane >> 2, c = lane & 3;
    float rstd = head_rstd(s, u.row, u.kv_head * GROUP + min(g, GROUP - 1));
#pragma unroll
    for (int e = 0; e < 2; e++) sums.query_rstd[e] = __shfl_sync(0xffffffffu, rstd, (2 * c + e) * 4);
}

// Returns eight bf16 values times a factor.
DEV uint4 scaled(const uint4& v, float factor)
{
    float x[8];
    unpack_bf16(v, x);
    return make_uint4(
        pack_bf16(x[0] * factor, x[1] * factor), pack_bf16(x[2] * factor, x[3] * factor),
        pack_bf16(x[4] * factor, x[5] * factor), pack_bf16(x[6] * factor, x[7] * factor));
}

// Returns the lane's 16 bytes of the current position: of its key (normalized if QK_NORM) in the first half of the warp, and of its value
// in the second.
DEV uint4 load_fresh(const Step& s, const Unit& u)
{
    int lane = threadIdx.x & 31;
    uint4 fresh = load_shared_u4(s.fresh + (((size_t)u.row * 2 + (lane >> 4)) * KV_HEADS + u.kv_head) * D + (lane & 15) * 8);
    if constexpr (QK_NORM)
    {
        float rstd = head_rstd(s, u.row, HEADS + u.kv_head);
        if (lane < 16) fresh = scaled(fresh, rstd);
    }
    return fresh;
}

// Writes the current position (position t of its page) to the cache and to the slots of the run, which begins at position first.
DEV void put_current(const Step& s, const Unit& u, int page, int layer, int t, int first, const uint4& fresh, u32 keys, u32 values)
{
    int lane = threadIdx.x & 31, kv = lane >> 4, piece = lane & 15;
    Kept kept = keep(fresh);
    store_kept(s.cache + cache_offset(page, layer, s.layer_count, kv, u.kv_head), t, piece, kept);
    Cache::put(kv ? values : keys, t, first, piece, kept);
    fence_slot_writes();
    __syncwarp();
}

// Stores the sums of a warp's lanes for a unit.
DEV void store_unit(const Step& s, const Unit& u, Attended& sums)
{
    int lane = threadIdx.x & 31, g = lane >> 2, c = lane & 3;
#pragma unroll
    for (int e = 0; e < 2; e++)
    {
#pragma unroll
        for (int x = 4; x <= 16; x <<= 1) sums.sum[e] += __shfl_xor_sync(0xffffffffu, sums.sum[e], x);
        int head = 2 * c + e;
        if (head < GROUP)
        {
            size_t index = (((size_t)u.row * KV_HEADS + u.kv_head) * MAX_SPLITS + u.split) * GROUP + head;
            Cache::store(s.partial + index * D, sums.out, e);
            if (g == 0) s.partial_stats[index] = make_float2(sums.top[e], sums.sum[e]);
        }
    }
}

DEV void attend_unit(const Step& s, const Shared& shared, const Ring& ring, Cursor& at, const Unit& u, const uint4 (&q)[4], int layer)
{
    int position = shared.position[u.row];
    // The current position, counted from the unit's first position.
    int unit_valid = position - (u.split << split_shift(position / PAGE + 1)) * PAGE;
    Attended sums;
    if constexpr (QK_NORM) load_query_rstd(s, u, sums);
#pragma unroll 1
    for (int p = 0; p < u.pages * (PAGE / RUN); p++)
    {
        int run_valid = unit_valid - p * RUN;
        bool current = run_valid >= 0 && run_valid < RUN;
        uint4 fresh = make_uint4(0, 0, 0, 0);
        if (current) fresh = load_fresh(s, u);
        Cursor values = at;
        values.advance(ring);
        barrier_wait(at.full(ring), at.phase);
        barrier_wait(values.full(ring), values.phase);
        if (current)
        {
            int first = p * RUN % PAGE;
            put_current(
                s, u, unit_page(s, shared, u, p * RUN / PAGE), layer, first + run_valid, first, fresh, at.data(ring), values.data(ring));
        }
#pragma unroll 1
        for (int half = 0; half < RUN / 32; half++)
        {
            Cache cached = { at.data(ring), values.data(ring), half };
            int valid = run_valid - half * 32;
            float score[2][4] = {};
            cached.score(q, score);
            sums.rescale(score, valid);
            cached.add_values(sums, score, valid);
        }
        leave_slot(ring, at);
        leave_slot(ring, at);
    }
    store_unit(s, u, sums);
}

DEV void attend(const Step& s, const Shared& shared, const Ring& ring, Cursor& at, int layer)
{
    int warp = threadIdx.x >> 5;
    Deal deal(shared.unit_start[s.rows], 0);
    // The next unit's queries are loaded before the slots of the intervening units are passed, if there are enough registers.
    constexpr bool EARLY = GROUP == 1;
    uint4 q[4];
    if (EARLY && warp < deal.count) load_queries(s, shared, warp, q);
#pragma unroll 1
    for (int i = 0; i < deal.count; i++)
    {
        Unit u = unit_of(s, shared, i);
        if (i % CONSUMER_WARPS == warp)
        {
            if (!EARLY) load_queries(s, shared, i, q);
            attend_unit(s, shared, ring, at, u, q, layer);
            if (EARLY && i + CONSUMER_WARPS < deal.count) load_queries(s, shared, i + CONSUMER_WARPS, q);
        }
        else
        {
#pragma unroll 1
            for (int p = 0; p < u.pages; p++) pass_page(ring, at);
        }
    }
}

// A warp joins a quarter of D of one row and query head: eight lanes hold 32 values, and each of four groups of lanes processes every
// fourth split.
DEV void join_splits(const Step& s, const Shared& shared)
{
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
    for (int v = warp * (int)gridDim.x + blockIdx.x; v < s.rows * HEADS * 4; v += (int)gridDim.x * CONSUMER_WARPS)
    {
        int row = v / (HEADS * 4), head = v / 4 % HEADS, d = v % 4 * 32 + (lane & 7) * 4, position = shared.position[row];
        float4 out = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
        if (position >= 0)
        {
            int pages = position / PAGE + 1, shift = split_shift(pages), splits = (pages + (1 << shift) - 1) >> shift;
            size_t base = ((size_t)row * KV_HEADS + head / GROUP) * MAX_SPLITS * GROUP + head % GROUP;
            // The statistics and the first 32 splits are loaded together.
            constexpr int AT_ONCE = 8;
            float2 a = lane < splits ? load_shared_f2(s.partial_stats + base + (size_t)lane * GROUP) : make_float2(-1e30f, 0.0f);
            float2 b = lane + 32 < splits
                ? load_shared_f2(s.partial_stats + base + (size_t)(lane + 32) * GROUP)
                : make_float2(-1e30f, 0.0f);
            float4 part[AT_ONCE];
            auto load_parts = [&](int first) {
#pragma unroll
                for (int i = 0; i < AT_ONCE; i++)
                {
                    int split = first + i * 4 + (lane >> 3);
                    part[i] = split < splits
                        ? load_shared_f4(s.partial + (base + (size_t)split * GROUP) * D + d)
                        : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
                }
            };
            load_parts(0);
            float top = fmaxf(a.x, b.x);
#pragma unroll
            for (int x = 16; x; x >>= 1) top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, x));
            a.x = power_of_two(a.x - top);
            b.x = power_of_two(b.x - top);
            float sum = a.x * a.y + b.x * b.y;
            sum = warp_sum(sum);
#pragma unroll 1
            for (int first = 0; first < splits; first += AT_ONCE * 4)
            {
                if (first > 0) load_parts(first);
#pragma unroll
                for (int i = 0; i < AT_ONCE; i++)
                {
                    float w = __shfl_sync(0xffffffffu, first < 32 ? a.x : b.x, i * 4 + (lane >> 3));
                    out.x += w * part[i].x;
                    out.y += w * part[i].y;
                    out.z += w * part[i].z;
                    out.w += w * part[i].w;
                }
            }
#pragma unroll
            for (int x = 8; x <= 16; x <<= 1)
            {
                out.x += __shfl_xor_sync(0xffffffffu, out.x, x);
                out.y += __shfl_xor_sync(0xffffffffu, out.y, x);
                out.z += __shfl_xor_sync(0xffffffffu, out.z, x);
                out.w += __shfl_xor_sync(0xffffffffu, out.w, x);
            }
            float scale = X_SCALE / sum;
            out.x *= scale;
            out.y *= scale;
            out.z *= scale;
            out.w *= scale;
        }
        if (lane < 8)
        {
            *(uint2*)(s.attended + x_index(row, head * D + d, HEADS * D)) = make_uint2(pack_bf16(out.x, out.y), pack_bf16(out.z, out.w));
        }
    }
}
