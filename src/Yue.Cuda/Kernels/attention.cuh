// attended[m][h] = sum_t softmax_t(q[m][h] . k[t] / sqrt(128)) v[t] over the cached positions t = 0..position of row m.
//
// A unit is one split (one page of 64 positions, more in long rows) of one row and key-value head: a warp takes it through the
// tensor cores and leaves unnormalised sums, maximum and sum; a second phase joins the splits in order. Positions, then values'
// dimensions, are the 16-row operand and the group's up to eight query heads the 8-column one: no row is wasted, and the sums of
// 128 dimensions take 32 registers (queries as the 16-row operand took 64, and spilled). The current position's key and value come
// from this launch: the warp whose unit has their page puts them into the cache and into its copy of the page. What lies behind is
// masked, since it may be anything: a bf16 value bit by bit; an e4m3 one, which is finite as widen_e4m3 has it, by a weight of zero.
#pragma once
#include "model.cuh"

struct Unit
{
    int row, split, kv_head, pages, first_page;
};

DEV u32 unit_code(const Shared& shared, int rows, int index)
{
    int row = 0;
    while (row + 1 < rows && index >= shared.unit_start[row + 1]) row++;
    int local = index - shared.unit_start[row], pages = shared.position[row] / PAGE + 1, shift = split_shift(pages);
    int split = local / KV_HEADS, kv_head = local % KV_HEADS;
    return (u32)row | (u32)split << 7 | (u32)kv_head << 13 | (u32)min(1 << shift, pages - (split << shift)) << 21;
}

// The i-th unit of this block. Units are dealt alike in every layer, so the first ones are listed once a step.
DEV Unit unit_of(const Step& s, const Shared& shared, int i)
{
    bool listed = i < LISTED_UNITS;
    u32 code = listed ? shared.units[i] : unit_code(shared, s.rows, (int)(blockIdx.x + i * gridDim.x));
    Unit u = { (int)(code & 127), (int)(code >> 7 & 63), (int)(code >> 13 & 255), (int)(code >> 21), 0 };
    u.first_page = listed ? shared.unit_pages[i] : s.page_table[(size_t)u.row * s.max_pages + (u.split << split_shift(shared.position[u.row] / PAGE + 1))];
    return u;
}

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

// Page p of a unit.
DEV int unit_page(const Step& s, const Shared& shared, const Unit& u, int p)
{
    if (p == 0) return u.first_page;
    return s.page_table[(size_t)u.row * s.max_pages + (u.split << split_shift(shared.position[u.row] / PAGE + 1)) + p];
}

constexpr int RUN = CACHE == 0 ? 32 * PARTS : PAGE;         // positions of a slot: a slot of keys, then one of values
constexpr int RUN_BYTES = CACHE == 0 ? RUN * POSITION_BYTES : BLOCK_BYTES;
constexpr int PAGE_SLOTS = 2 * PAGE / RUN;
static_assert(RUN_BYTES <= SLOT_BYTES && PAGE % RUN == 0, "a run of keys fits a slot");
static_assert(PAGE_SLOTS <= PASSED_AT_ONCE, "a page is passed at once");

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

// Every warp passes every slot, reader or not: a slot is filled again when all have, so no warp's phase falls behind.
DEV void leave_slot(const Ring& ring, Cursor& at)
{
    __syncwarp();
    if ((threadIdx.x & 31) == 0) barrier_arrive(at.empty(ring));
    at.advance(ring);
}

// The slots of a page are filled in order: once the last is full, all have been filled anew.
DEV void pass_page(const Ring& ring, Cursor& at)
{
    Cursor last = at;
    for (int i = 1; i < PAGE_SLOTS; i++) last.advance(ring);
    barrier_wait(last.full(ring), last.phase);
#pragma unroll
    for (int i = 0; i < PAGE_SLOTS; i++) leave_slot(ring, at);
}

// The positions first and first + 1 of which those up to valid count: a mask for a pair of 16-bit values.
DEV u32 pair_mask(int first, int valid)
{
    return (first <= valid ? 0xffffu : 0u) | (first + 1 <= valid ? 0xffff0000u : 0u);
}

DEV void load_queries(const Step& s, const Shared& shared, int i, uint4 (&q)[4])
{
    int lane = threadIdx.x & 31, g = lane >> 2, c = lane & 3;
    Unit u = unit_of(s, shared, i);
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
        q[i] = g < GROUP ? load_shared_u4(s.query + (size_t)u.row * (HEADS * D) + (u.kv_head * GROUP + g) * D + (CACHE == 0 ? c + 4 * i : 4 * c + i) * 8) : make_uint4(0, 0, 0, 0);
    }
}

DEV void attend_unit(const Step& s, const Shared& shared, const Ring& ring, Cursor& at, const Unit& u, const uint4 (&q)[4], int layer)
{
    int lane = threadIdx.x & 31, g = lane >> 2, c = lane & 3, position = shared.position[u.row];

    constexpr float TO_POWERS_OF_TWO = 1.4426950408889634f * 0.08838834764831845f * CACHE_SCALE;
    float out[8][4];        // dimensions 16 j + g and + 8 (fp8: 16 j + 2 g and + 1), heads 2 c and 2 c + 1
#pragma unroll
    for (int j = 0; j < 8; j++) out[j][0] = out[j][1] = out[j][2] = out[j][3] = 0.0f;
    float top[2] = { -1e30f, -1e30f }, sum[2] = { 0.0f, 0.0f };
    int behind = position - (u.split << split_shift(position / PAGE + 1)) * PAGE;
#pragma unroll 1
    for (int p = 0; p < u.pages * (PAGE / RUN); p++)
    {
        int run_valid = behind - p * RUN;
        bool current = run_valid >= 0 && run_valid < RUN;
        uint4 fresh = make_uint4(0, 0, 0, 0);           // a half warp has the key, the other the value
        int kv = lane >> 4, piece = lane & 15;
        if (current) fresh = load_shared_u4(s.fresh + (((size_t)u.row * 2 + kv) * KV_HEADS + u.kv_head) * D + piece * 8);
        Cursor values = at;
        values.advance(ring);
        barrier_wait(at.full(ring), at.phase);
        barrier_wait(values.full(ring), values.phase);
        if (current)
        {
            Kept kept = keep(fresh);
            int t = p * RUN % PAGE + run_valid;
            store_kept(s.cache + cache_offset(unit_page(s, shared, u, p * RUN / PAGE), layer, s.layer_count, kv, u.kv_head), t, piece, kept);
            u32 slot = kv ? values.data(ring) : at.data(ring);
            if (CACHE == 0) sts128(slot + value_offset(t, piece) - p * RUN % PAGE * POSITION_BYTES, kept.values);
            else
            {
                asm volatile("st.shared.v2.u32 [%0], {%1,%2};" : : "r"(slot + value_offset(t, piece)), "r"(kept.values.x), "r"(kept.values.y) : "memory");
                if (piece == 0) asm volatile("st.shared.f32 [%0], %1;" : : "r"(slot + scale_offset(t)), "f"(kept.scale) : "memory");
            }
            fence_slot_writes();
            __syncwarp();
        }
#pragma unroll 1
        for (int half = 0; half < RUN / 32; half++)
        {
            int valid = run_valid - half * 32;
            u32 data = at.data(ring) + (half * 32 + g) * POSITION_BYTES;
            float score[2][4];
#pragma unroll
            for (int j = 0; j < 2; j++) score[j][0] = score[j][1] = score[j][2] = score[j][3] = 0.0f;
#if CACHE == 0
#pragma unroll
            for (int i = 0; i < 4; i++)
            {
                u32 piece = data + (((c + 4 * i) ^ swizzle(g)) << 4);
                uint4 k0 = lds128(piece), k1 = lds128(piece + 8 * D * 2), k2 = lds128(piece + 16 * D * 2), k3 = lds128(piece + 24 * D * 2);
                mma_bf16(score[0], k0.x, k1.x, k0.y, k1.y, q[i].x, q[i].y);
                mma_bf16(score[1], k2.x, k3.x, k2.y, k3.y, q[i].x, q[i].y);
                mma_bf16(score[0], k0.z, k1.z, k0.w, k1.w, q[i].z, q[i].w);
                mma_bf16(score[1], k2.z, k3.z, k2.w, k3.w, q[i].z, q[i].w);
            }
#else
#pragma unroll
            for (int i = 0; i < 2; i++)
            {
                u32 piece = data + (((2 * c + i) ^ g) << 4);
#pragma unroll
                for (int j = 0; j < 2; j++)
                {
                    uint4 k0 = lds128(piece + j * 16 * D), k1 = lds128(piece + j * 16 * D + 8 * D);
                    const u32 low[4] = { k0.x, k0.y, k0.z, k0.w }, high[4] = { k1.x, k1.y, k1.z, k1.w };
#pragma unroll
                    for (int w = 0; w < 4; w++)
                    {
                        u32 a0, a1, a2, a3;
                        widen_e4m3(low[w], a0, a2);
                        widen_e4m3(high[w], a1, a3);
                        const uint4& b = q[2 * i + w / 2];
                        mma_bf16(score[j], a0, a1, a2, a3, w % 2 ? b.z : b.x, w % 2 ? b.w : b.y);
                    }
                }
            }

            // Scales of positions 16 j + g and + 8: of the keys, then of the values, these for the weights.
            float value_scale[2][2];
#pragma unroll
            for (int j = 0; j < 2; j++)
            {
                u32 scales = scale_offset(half * 32 + j * 16 + g);
                float low = lds32(at.data(ring) + scales), high = lds32(at.data(ring) + scales + 32);
                score[j][0] *= low;
                score[j][1] *= low;
                score[j][2] *= high;
                score[j][3] *= high;
                value_scale[j][0] = lds32(values.data(ring) + scales) * QUERY_SCALE;
                value_scale[j][1] = lds32(values.data(ring) + scales + 32) * QUERY_SCALE;
            }
#endif

            // score[j][e]: position 16 j + g (+ 8 for e >= 2), head 2 c + (e & 1).
            float fade[2];
#pragma unroll
            for (int e = 0; e < 2; e++)
            {
                float best = top[e];
#pragma unroll
                for (int j = 0; j < 2; j++)
                {
                    score[j][e] = j * 16 + g <= valid ? score[j][e] * TO_POWERS_OF_TWO : -1e30f;
                    score[j][e + 2] = j * 16 + g + 8 <= valid ? score[j][e + 2] * TO_POWERS_OF_TWO : -1e30f;
                    best = fmaxf(best, fmaxf(score[j][e], score[j][e + 2]));
                }
#pragma unroll
                for (int x = 4; x <= 16; x <<= 1) best = fmaxf(best, __shfl_xor_sync(0xffffffffu, best, x));
                fade[e] = power_of_two(top[e] - best);
                top[e] = best;
                sum[e] *= fade[e];
            }
#pragma unroll
            for (int j = 0; j < 8; j++)
            {
                out[j][0] *= fade[0];
                out[j][1] *= fade[1];
                out[j][2] *= fade[0];
                out[j][3] *= fade[1];
            }

            data = CACHE == 0 ? values.data(ring) + half * (32 * D * 2) + ((lane >> 4) * 8 + (lane & 7)) * (D * 2) : values.data(ring) + (half * 32 + lane) * D;
#if CACHE != 0
            u32 weight[2][2];
#endif
#pragma unroll
            for (int j = 0; j < 2; j++)
            {
                // Positions wholly behind the current one have no score above the floor: their weights are zero, not one.
                float e0 = j * 16 + g <= valid ? power_of_two(score[j][0] - top[0]) : 0.0f, e1 = j * 16 + g <= valid ? power_of_two(score[j][1] - top[1]) : 0.0f;
                float e2 = j * 16 + g + 8 <= valid ? power_of_two(score[j][2] - top[0]) : 0.0f, e3 = j * 16 + g + 8 <= valid ? power_of_two(score[j][3] - top[1]) : 0.0f;
                sum[0] += e0 + e2;
                sum[1] += e1 + e3;
#if CACHE == 0
                u32 w0 = transpose_tile(pack_bf16(e0, e1)), w1 = transpose_tile(pack_bf16(e2, e3));
                u32 mask0 = pair_mask(j * 16 + c * 2, valid), mask1 = pair_mask(j * 16 + c * 2 + 8, valid);
#pragma unroll
                for (int d = 0; d < 8; d++)
                {
                    uint4 v = ldmatrix_trans(data + j * (16 * D * 2) + (((2 * d + ((lane >> 3) & 1)) ^ swizzle(lane & 7)) << 4));
                    mma_bf16(out[d], v.x & mask0, v.y & mask0, v.z & mask1, v.w & mask1, w0, w1);
                }
            }
#else
                // A scale behind the current position may be a NaN.
                bool first = j * 16 + g <= valid, second = j * 16 + g + 8 <= valid;
                float s0 = value_scale[j][0], s1 = value_scale[j][1];
                weight[j][0] = transpose_tile(pack_bf16(first ? e0 * s0 : 0.0f, first ? e1 * s0 : 0.0f));
                weight[j][1] = transpose_tile(pack_bf16(second ? e2 * s1 : 0.0f, second ? e3 * s1 : 0.0f));
            }

            // 16-bit pairs of dimensions, transposed: positions 2 c and 2 c + 1 of eight, dimensions 2 g and 2 g + 1 of 16.
#pragma unroll
            for (int d = 0; d < 8; d++)
            {
                uint4 v = ldmatrix_trans(data + ((d ^ (lane & 7)) << 4));
                u32 a0, a1, a2, a3;
                widen_e4m3_alternate(v.x, a0, a1);
                widen_e4m3_alternate(v.y, a2, a3);
                mma_bf16(out[d], a0, a1, a2, a3, weight[0][0], weight[0][1]);
                widen_e4m3_alternate(v.z, a0, a1);
                widen_e4m3_alternate(v.w, a2, a3);
                mma_bf16(out[d], a0, a1, a2, a3, weight[1][0], weight[1][1]);
            }
#endif
        }
        leave_slot(ring, at);
        leave_slot(ring, at);
    }

#pragma unroll
    for (int e = 0; e < 2; e++)
    {
#pragma unroll
        for (int x = 4; x <= 16; x <<= 1) sum[e] += __shfl_xor_sync(0xffffffffu, sum[e], x);
        int head = 2 * c + e;
        if (head < GROUP)
        {
            size_t index = (((size_t)u.row * KV_HEADS + u.kv_head) * MAX_SPLITS + u.split) * GROUP + head;
#pragma unroll
            for (int j = 0; j < 8; j++)
            {
                if (CACHE == 0)
                {
                    s.partial[index * D + j * 16 + g] = out[j][e];
                    s.partial[index * D + j * 16 + g + 8] = out[j][e + 2];
                }
                else *(float2*)(s.partial + index * D + j * 16 + 2 * g) = make_float2(out[j][e] * CACHE_SCALE, out[j][e + 2] * CACHE_SCALE);
            }
            if (g == 0) s.partial_stats[index] = make_float2(top[e], sum[e]);
        }
    }
}

DEV void attend(const Step& s, const Shared& shared, const Ring& ring, Cursor& at, int layer)
{
    int warp = threadIdx.x >> 5;
    Deal deal(shared.unit_start[s.rows], 0);
    // The next unit's queries are asked for before the slots in between are passed, where the registers allow it.
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

// A warp joins a quarter of D of one row and query head: eight lanes hold 32 values, four groups of lanes take every fourth split.
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
            // The statistics and the first 32 splits are asked for together.
            constexpr int AT_ONCE = 8;
            float2 a = lane < splits ? load_shared_f2(s.partial_stats + base + (size_t)lane * GROUP) : make_float2(-1e30f, 0.0f);
            float2 b = lane + 32 < splits ? load_shared_f2(s.partial_stats + base + (size_t)(lane + 32) * GROUP) : make_float2(-1e30f, 0.0f);
            float4 part[AT_ONCE];
            auto load_parts = [&](int first) {
#pragma unroll
                for (int i = 0; i < AT_ONCE; i++)
                {
                    int split = first + i * 4 + (lane >> 3);
                    part[i] = split < splits ? load_shared_f4(s.partial + (base + (size_t)split * GROUP) * D + d) : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
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
        if (lane < 8) *(uint2*)(s.attended + x_index(row, head * D + d, HEADS * D)) = make_uint2(pack_bf16(out.x, out.y), pack_bf16(out.z, out.w));
    }
}
