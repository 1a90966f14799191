// attended[m][h] = sum_t softmax_t(q[m][h] . k[t] / sqrt(128)) v[t] over the cached positions t = 0..position of row m.
//
// A unit is one split (one page of 64 positions, more in long rows) of one row and key-value head: a warp takes it through
// the tensor cores, the group's query heads being the 16-row operand, and leaves unnormalised sums, maximum and sum; a
// second phase joins the splits in order, one warp a row and query head. The current position's key and value were written
// in this launch, maybe after the producer copied their page: the warp that owns the page takes them from L2 and clears
// what lies behind them.
#pragma once
#include "model.cuh"

struct Unit
{
    int row, split, kv_head, first_page, pages, position;
};

DEV Unit unit_at(const Shared& shared, int rows, int index)
{
    int row = 0;
    while (row + 1 < rows && index >= shared.unit_start[row + 1]) row++;
    int local = index - shared.unit_start[row], position = shared.position[row], pages = position / PAGE + 1, shift = split_shift(pages);
    Unit u;
    u.row = row;
    u.split = local / KV_HEADS;
    u.kv_head = local % KV_HEADS;
    u.first_page = u.split << shift;
    u.pages = min(1 << shift, pages - u.first_page);
    u.position = position;
    return u;
}

constexpr int RUN = 32 * PARTS;                             // positions of a slot: a slot of keys, then one of values
constexpr int PAGE_SLOTS = 2 * PAGE / RUN;
static_assert(RUN * D * 2 <= SLOT_BYTES && PAGE % RUN == 0, "a run of keys fits a slot");

DEV void produce_attention(const Step& s, const Shared& shared, const Ring& ring, Cursor& at, u64 policy, int layer, int offset)
{
    Deal deal(shared.unit_start[s.rows], offset);
    for (int i = 0; i < deal.count; i++)
    {
        Unit u = unit_at(shared, s.rows, deal.first + i * (int)gridDim.x);
        for (int p = 0; p < u.pages; p++)
        {
            int page = s.page_table[(size_t)u.row * s.max_pages + u.first_page + p];
            for (int part = 0; part < PAGE_SLOTS; part++)
            {
                const bf16* source = s.cache + cache_offset(page, layer, s.layer_count, part & 1, u.kv_head) + (part >> 1) * (RUN * D);
                fill_slot(ring, at, 1, RUN * D * 2, 0, policy, [&](int) { return (const u8*)source; });
            }
        }
    }
}

// In a run of which the row has `valid` positions before the current one (it may be none or all): the current one from memory, zeros behind.
DEV void complete_run(u32 data, const bf16* source, int valid)
{
    if (valid >= RUN) return;
    int lane = threadIdx.x & 31;
    for (int i = lane; i < (RUN - (valid < 0 ? 0 : valid)) * 16; i += 32)
    {
        int t = (valid < 0 ? 0 : valid) + (i >> 4);
        uint4 v = t == valid ? load_shared_u4(source + t * D + (i & 15) * 8) : make_uint4(0, 0, 0, 0);
        sts128(data + t * (D * 2) + (i & 15) * 16, v);
    }
    fence_slot_writes();
    __syncwarp();
}

// Every warp passes every slot, reader or not: a slot is filled again when all have, so no warp's phase falls behind.
DEV void leave_slot(const Ring& ring, Cursor& at)
{
    __syncwarp();
    if ((threadIdx.x & 31) == 0) barrier_arrive(at.empty(ring));
    at.advance(ring);
}

DEV void pass_slots(const Ring& ring, Cursor& at, int slots)
{
    for (int i = 0; i < slots; i++)
    {
        barrier_wait(at.full(ring), at.phase);
        leave_slot(ring, at);
    }
}

DEV void attend_unit(const Step& s, const Ring& ring, Cursor& at, const Unit u, int layer)
{
    int lane = threadIdx.x & 31, g = lane >> 2, c = lane & 3;
    uint4 q[4];
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
        q[i] = g < GROUP ? load_shared_u4(s.query + (size_t)u.row * (HEADS * D) + (u.kv_head * GROUP + g) * D + (c + 4 * i) * 8) : make_uint4(0, 0, 0, 0);
    }

    constexpr float TO_POWERS_OF_TWO = 1.4426950408889634f * 0.08838834764831845f;
    float out[16][4];
#pragma unroll
    for (int j = 0; j < 16; j++) out[j][0] = out[j][1] = out[j][2] = out[j][3] = 0.0f;
    float top = -1e30f, sum = 0.0f;
#pragma unroll 1
    for (int p = 0; p < u.pages * (PAGE / RUN); p++)
    {
        int start = u.first_page * PAGE + p * RUN, run_valid = u.position - start;
        const bf16* keys = nullptr;
        if (run_valid < RUN)
        {
            int page = s.page_table[(size_t)u.row * s.max_pages + start / PAGE];
            keys = s.cache + cache_offset(page, layer, s.layer_count, 0, u.kv_head) + (start % PAGE) * D;
        }
        Cursor values = at;
        values.advance(ring);
        barrier_wait(at.full(ring), at.phase);
        complete_run(at.data(ring), keys, run_valid);
#pragma unroll 1
        for (int half = 0; half < PARTS; half++)
        {
            u32 data = at.data(ring) + half * (32 * D * 2);
            int valid = run_valid - half * 32;
            float score[4][4];
            float best = top;
#pragma unroll
            for (int j = 0; j < 4; j++) score[j][0] = score[j][1] = score[j][2] = score[j][3] = 0.0f;
#pragma unroll
            for (int i = 0; i < 4; i++)
            {
                uint4 k[4];
#pragma unroll
                for (int j = 0; j < 4; j++) k[j] = lds128(data + (j * 8 + g) * (D * 2) + (((c + 4 * i) ^ swizzle(g)) << 4));
#pragma unroll
                for (int j = 0; j < 4; j++) mma_bf16(score[j], q[i].x, 0u, q[i].y, 0u, k[j].x, k[j].y);
#pragma unroll
                for (int j = 0; j < 4; j++) mma_bf16(score[j], q[i].z, 0u, q[i].w, 0u, k[j].z, k[j].w);
            }
#pragma unroll
            for (int j = 0; j < 4; j++)
            {
#pragma unroll
                for (int e = 0; e < 2; e++)
                {
                    score[j][e] = j * 8 + c * 2 + e <= valid ? score[j][e] * TO_POWERS_OF_TWO : -1e30f;
                    best = fmaxf(best, score[j][e]);
                }
            }

            best = fmaxf(best, __shfl_xor_sync(0xffffffffu, best, 1));
            best = fmaxf(best, __shfl_xor_sync(0xffffffffu, best, 2));
            float fade = exp2f(top - best);
            top = best;
            sum *= fade;
#pragma unroll
            for (int j = 0; j < 16; j++) { out[j][0] *= fade; out[j][1] *= fade; }
            u32 weight[4];
#pragma unroll
            for (int j = 0; j < 4; j++)
            {
                // Positions wholly behind the current one have no score above the floor: their weights are zero, not one.
                float e0 = j * 8 + c * 2 <= valid ? exp2f(score[j][0] - best) : 0.0f, e1 = j * 8 + c * 2 + 1 <= valid ? exp2f(score[j][1] - best) : 0.0f;
                sum += e0 + e1;
                weight[j] = pack_bf16(e0, e1);
            }

            if (half == 0)
            {
                barrier_wait(values.full(ring), values.phase);
                complete_run(values.data(ring), keys + KV_HEADS * (PAGE * D), run_valid);
            }
            data = values.data(ring) + half * (32 * D * 2);
            int t = ((lane >> 3) & 1) * 8 + (lane & 7), piece = lane >> 4;
#pragma unroll
            for (int k = 0; k < 2; k++)
#pragma unroll
                for (int j = 0; j < 8; j++)
                {
                    uint4 v = ldmatrix_trans(data + (k * 16 + t) * (D * 2) + (((2 * j + piece) ^ swizzle(t & 7)) << 4));
                    mma_bf16(out[2 * j], weight[2 * k], 0u, weight[2 * k + 1], 0u, v.x, v.y);
                    mma_bf16(out[2 * j + 1], weight[2 * k], 0u, weight[2 * k + 1], 0u, v.z, v.w);
                }
        }
        leave_slot(ring, at);
        leave_slot(ring, at);
    }

    sum += __shfl_xor_sync(0xffffffffu, sum, 1);
    sum += __shfl_xor_sync(0xffffffffu, sum, 2);
    if (g < GROUP)
    {
        size_t index = (((size_t)u.row * KV_HEADS + u.kv_head) * MAX_SPLITS + u.split) * GROUP + g;
#pragma unroll
        for (int j = 0; j < 16; j++) *(float2*)(s.partial + index * D + j * 8 + c * 2) = make_float2(out[j][0], out[j][1]);
        if (c == 0) s.partial_stats[index] = make_float2(top, sum);
    }
}

DEV void attend(const Step& s, const Shared& shared, const Ring& ring, Cursor& at, int layer, int offset)
{
    int warp = threadIdx.x >> 5;
    Deal deal(shared.unit_start[s.rows], offset);
    for (int i = 0; i < deal.count; i++)
    {
        Unit u = unit_at(shared, s.rows, deal.first + i * (int)gridDim.x);
        if (i % CONSUMER_WARPS == warp) attend_unit(s, ring, at, u, layer);
        else pass_slots(ring, at, u.pages * PAGE_SLOTS);
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
            float2 a = lane < splits ? load_shared_f2(s.partial_stats + base + (size_t)lane * GROUP) : make_float2(-1e30f, 0.0f);
            float2 b = lane + 32 < splits ? load_shared_f2(s.partial_stats + base + (size_t)(lane + 32) * GROUP) : make_float2(-1e30f, 0.0f);
            float top = fmaxf(a.x, b.x);
#pragma unroll
            for (int x = 16; x; x >>= 1) top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, x));
            a.x = exp2f(a.x - top);
            b.x = exp2f(b.x - top);
            float sum = a.x * a.y + b.x * b.y;
#pragma unroll
            for (int x = 16; x; x >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, x);
#pragma unroll 8
            for (int i = 0; i < splits; i += 4)
            {
                int split = i + (lane >> 3);
                float4 part = split < splits ? load_shared_f4(s.partial + (base + (size_t)split * GROUP) * D + d) : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
                float low = __shfl_sync(0xffffffffu, a.x, split & 31), high = __shfl_sync(0xffffffffu, b.x, split & 31), w = split < 32 ? low : high;
                out.x += w * part.x;
                out.y += w * part.y;
                out.z += w * part.z;
                out.w += w * part.w;
            }
#pragma unroll
            for (int x = 8; x <= 16; x <<= 1)
            {
                out.x += __shfl_xor_sync(0xffffffffu, out.x, x);
                out.y += __shfl_xor_sync(0xffffffffu, out.y, x);
                out.z += __shfl_xor_sync(0xffffffffu, out.z, x);
                out.w += __shfl_xor_sync(0xffffffffu, out.w, x);
            }
            float scale = 1.0f / sum;
            out.x *= scale;
            out.y *= scale;
            out.z *= scale;
            out.w *= scale;
        }
        if (lane < 8) *(uint2*)(s.attended + (size_t)row * (HEADS * D) + head * D + d) = make_uint2(pack_bf16(out.x, out.y), pack_bf16(out.z, out.w));
    }
}
