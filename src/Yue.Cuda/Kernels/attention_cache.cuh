// The parts of attention that depend on the type of the cached keys and values, for 32 positions at a time.
//
// Lane 4 g + c of a warp works on:
//   score[j][e]  position 16 j + g (+ 8 for e >= 2) of the 32, query head 2 c + (e & 1);
//   out[d][e]    query head 2 c + (e & 1), two of the 16 dimensions that begin at 16 d: g and g + 8, or, with e4m3, 2 g and 2 g + 1.
// Bf16Cache and E4m3Cache have the same functions; Cache is the one that this build uses. CPU reference: Yue.Cuda.Tests/ReferenceLlama.
#pragma once
#include "attention_units.cuh"

// The softmax of one unit so far: the largest score, the sum of the weights, and the weighted sum of the values.
struct Attended
{
    float out[8][4];
    float top[2], sum[2];           // by e & 1
    float query_rstd[2];            // QK_NORM: 1 / root mean square of the query heads, by e & 1

    DEV Attended() : top{ -1e30f, -1e30f }, sum{ 0.0f, 0.0f }
    {
#pragma unroll
        for (int d = 0; d < 8; d++) out[d][0] = out[d][1] = out[d][2] = out[d][3] = 0.0f;
    }

    // Converts scores to base-2 exponents, masks those at positions after `valid`, and rescales the sums so far to the new maximum.
    DEV void rescale(float (&score)[2][4], int valid)
    {
        constexpr float TO_POWERS_OF_TWO = 1.4426950408889634f * 0.08838834764831845f * CACHE_SCALE;    // log2(e) / sqrt(D) * CACHE_SCALE
        int g = (threadIdx.x & 31) >> 2;
        float fade[2];
#pragma unroll
        for (int e = 0; e < 2; e++)
        {
            const float factor = QK_NORM ? query_rstd[e] * TO_POWERS_OF_TWO : TO_POWERS_OF_TWO;
            float best = top[e];
#pragma unroll
            for (int j = 0; j < 2; j++)
            {
                score[j][e] = j * 16 + g <= valid ? score[j][e] * factor : -1e30f;
                score[j][e + 2] = j * 16 + g + 8 <= valid ? score[j][e + 2] * factor : -1e30f;
                best = fmaxf(best, fmaxf(score[j][e], score[j][e + 2]));
            }
#pragma unroll
            for (int x = 4; x <= 16; x <<= 1) best = fmaxf(best, __shfl_xor_sync(0xffffffffu, best, x));
            fade[e] = power_of_two(top[e] - best);
            top[e] = best;
            sum[e] *= fade[e];
        }
#pragma unroll
        for (int d = 0; d < 8; d++)
        {
            out[d][0] *= fade[0];
            out[d][1] *= fade[1];
            out[d][2] *= fade[0];
            out[d][3] *= fade[1];
        }
    }

    // Converts the scores at positions 16 j + g and 16 j + g + 8 to weights, and adds these to the sums of the weights. If all 32 positions
    // are after the current one, all their scores may equal the maximum; their weights must still be zero, not one.
    DEV void weigh(const float (&score)[2][4], int j, int valid, float (&weight)[4])
    {
        int g = (threadIdx.x & 31) >> 2;
#pragma unroll
        for (int e = 0; e < 4; e++) weight[e] = j * 16 + g + (e >> 1) * 8 <= valid ? power_of_two(score[j][e] - top[e & 1]) : 0.0f;
        sum[0] += weight[0] + weight[2];
        sum[1] += weight[1] + weight[3];
    }
};

// Returns a mask for the pair of 16-bit values at positions `first` and `first` + 1. It keeps the values at positions up to `valid`.
DEV u32 pair_mask(int first, int valid)
{
    return (first <= valid ? 0xffffu : 0u) | (first + 1 <= valid ? 0xffff0000u : 0u);
}

// 32 positions of a run of bf16 keys and values: half of a run of 64, or a whole run of 32 (RUN in attention.cuh). The keys and the values
// of the run are in one slot of the ring each.
struct Bf16Cache
{
    u32 keys, values;       // shared addresses of the slots
    int half;

    // Returns the index of the 16-byte piece of a query that lane column c loads as its i-th piece.
    static DEV int query_piece(int c, int i) { return c + 4 * i; }

    // Writes a 16-byte piece of the current position, t, to a slot that begins at position `first`.
    static DEV void put(u32 slot, int t, int first, int piece, const Kept& kept)
    {
        sts128(slot + value_offset(t, piece) - first * POSITION_BYTES, kept.values);
    }

    DEV void score(const uint4 (&q)[4], float (&score)[2][4])
    {
        int lane = threadIdx.x & 31, g = lane >> 2, c = lane & 3;
        u32 data = keys + (half * 32 + g) * POSITION_BYTES;
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
    }

    // Values after the current position are arbitrary and may be NaN, so they are masked bit by bit.
    DEV void add_values(Attended& sums, const float (&score)[2][4], int valid)
    {
        int lane = threadIdx.x & 31, c = lane & 3;
        u32 data = values + half * (32 * D * 2) + ((lane >> 4) * 8 + (lane & 7)) * (D * 2);
#pragma unroll
        for (int j = 0; j < 2; j++)
        {
            float weight[4];
            sums.weigh(score, j, valid, weight);
            u32 w0 = transpose_tile(pack_bf16(weight[0], weight[1])), w1 = transpose_tile(pack_bf16(weight[2], weight[3]));
            u32 mask0 = pair_mask(j * 16 + c * 2, valid), mask1 = pair_mask(j * 16 + c * 2 + 8, valid);
#pragma unroll
            for (int d = 0; d < 8; d++)
            {
                uint4 v = ldmatrix_trans(data + j * (16 * D * 2) + (((2 * d + ((lane >> 3) & 1)) ^ swizzle(lane & 7)) << 4));
                mma_bf16(sums.out[d], v.x & mask0, v.y & mask0, v.z & mask1, v.w & mask1, w0, w1);
            }
        }
    }

    // Stores the D sums of query head 2 c + e in the array `to`.
    static DEV void store(float* to, const float (&out)[8][4], int e)
    {
        int g = (threadIdx.x & 31) >> 2;
#pragma unroll
        for (int d = 0; d < 8; d++)
        {
            to[d * 16 + g] = out[d][e];
            to[d * 16 + g + 8] = out[d][e + 2];
        }
    }
};

// Half of a run of e4m3 keys and values with a scale per position. The keys and the values are each a whole block of the cache in a slot of
// the ring.
struct E4m3Cache
{
    u32 keys, values;
    int half;
    float value_scale[2][2];        // of positions 16 j + g and 16 j + g + 8, times QUERY_SCALE

    static DEV int query_piece(int c, int i) { return 4 * c + i; }

    static DEV void put(u32 slot, int t, int, int piece, const Kept& kept)
    {
        asm volatile("st.shared.v2.u32 [%0], {%1,%2};"
            : : "r"(slot + value_offset(t, piece)), "r"(kept.values.x), "r"(kept.values.y) : "memory");
        if (piece == 0) asm volatile("st.shared.f32 [%0], %1;" : : "r"(slot + scale_offset(t)), "f"(kept.scale) : "memory");
    }

    DEV void score(const uint4 (&q)[4], float (&score)[2][4])
    {
        int lane = threadIdx.x & 31, g = lane >> 2, c = lane & 3;
        u32 data = keys + (half * 32 + g) * POSITION_BYTES;
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

        // The scores are multiplied by the scales of the keys; the scales of the values are kept for the weights.
#pragma unroll
        for (int j = 0; j < 2; j++)
        {
            u32 scales = scale_offset(half * 32 + j * 16 + g);
            float low = lds32(keys + scales), high = lds32(keys + scales + 32);
            score[j][0] *= low;
            score[j][1] *= low;
            score[j][2] *= high;
            score[j][3] *= high;
            value_scale[j][0] = lds32(values + scales) * QUERY_SCALE;
            value_scale[j][1] = lds32(values + scales + 32) * QUERY_SCALE;
        }
    }

    // Codes after the current position widen to finite numbers, which a weight of zero removes. Their scale may be NaN, so it is not used.
    DEV void add_values(Attended& sums, const float (&score)[2][4], int valid)
    {
        int lane = threadIdx.x & 31, g = lane >> 2;
        u32 data = values + (half * 32 + lane) * D;
        u32 weight[2][2];
#pragma unroll
        for (int j = 0; j < 2; j++)
        {
            float w[4];
            sums.weigh(score, j, valid, w);
            bool first = j * 16 + g <= valid, second = j * 16 + g + 8 <= valid;
            float s0 = value_scale[j][0], s1 = value_scale[j][1];
            weight[j][0] = transpose_tile(pack_bf16(first ? w[0] * s0 : 0.0f, first ? w[1] * s0 : 0.0f));
            weight[j][1] = transpose_tile(pack_bf16(second ? w[2] * s1 : 0.0f, second ? w[3] * s1 : 0.0f));
        }

        // Each register of v holds, for positions 2 c and 2 c + 1 of eight, the values of dimensions 2 g and 2 g + 1 of 16.
#pragma unroll
        for (int d = 0; d < 8; d++)
        {
            uint4 v = ldmatrix_trans(data + ((d ^ (lane & 7)) << 4));
            u32 a0, a1, a2, a3;
            widen_e4m3_alternate(v.x, a0, a1);
            widen_e4m3_alternate(v.y, a2, a3);
            mma_bf16(sums.out[d], a0, a1, a2, a3, weight[0][0], weight[0][1]);
            widen_e4m3_alternate(v.z, a0, a1);
            widen_e4m3_alternate(v.w, a2, a3);
            mma_bf16(sums.out[d], a0, a1, a2, a3, weight[1][0], weight[1][1]);
        }
    }

    static DEV void store(float* to, const float (&out)[8][4], int e)
    {
        int g = (threadIdx.x & 31) >> 2;
#pragma unroll
        for (int d = 0; d < 8; d++) *(float2*)(to + d * 16 + 2 * g) = make_float2(out[d][e] * CACHE_SCALE, out[d][e + 2] * CACHE_SCALE);
    }
};

#if CACHE == 0
typedef Bf16Cache Cache;
#else
typedef E4m3Cache Cache;
#endif
