// The sums of a group of a block's tiles over this warp's k: weights from the ring, x from L2 to registers or by way of shared memory.
#pragma once
#include "tiles.cuh"
#include "staged_x.cuh"

constexpr int CHUNK = SEGMENT / WEIGHT_BYTES;               // k values of a slot
constexpr int PART_K = 1024 / WEIGHT_BYTES;                 // k values of a KiB
constexpr int WARP_K = 128 / WEIGHT_BYTES;                  // k values of a warp in a KiB

// Eight values of a weight row as four pairs of bf16. 8-bit values' bits are put in bf16's place as they are: an int8's seven bits are
// then a subnormal number, the value times 2^-133, and an e4m3's the value times 2^-120. Tensor cores take both exactly; x comes times
// X_SCALE and a sum goes out times SUM_SCALE, so that no product is subnormal.
DEV void widen(u32 first, u32 second, u32 (&a)[4])
{
#if WEIGHT == 1
    a[0] = __byte_perm(first, 0, 0x1100) & 0x807f807fu;
    a[1] = __byte_perm(first, 0, 0x3322) & 0x807f807fu;
    a[2] = __byte_perm(second, 0, 0x1100) & 0x807f807fu;
    a[3] = __byte_perm(second, 0, 0x3322) & 0x807f807fu;
#elif WEIGHT == 2
    widen_e4m3(first, a[0], a[1]);
    widen_e4m3(second, a[2], a[3]);
#endif
}

// The 16-row operands of 16 bytes of a lane's weights, eight values each: one of bf16, two of 8-bit values.
typedef u32 Operands[X_LOADS][4];

DEV void load_weights(u32 address, Operands& a)
{
    uint4 w = lds128(address);
    if (WEIGHT == 0)
    {
        a[0][0] = w.x; a[0][1] = w.y; a[0][2] = w.z; a[0][3] = w.w;
    }
    else
    {
        widen(w.x, w.y, a[0]);
        widen(w.z, w.w, a[X_LOADS - 1]);
    }
}

typedef uint4 XChunk[2 * PARTS][X_LOADS][OCTETS];
constexpr bool X_AHEAD = sizeof(XChunk) <= 128;             // one chunk ahead, where two stay in registers

DEV void load_x(XChunk& x, const bf16* source, int chunk, int rows, int K)
{
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, c = lane & 3;
#pragma unroll
    for (int half = 0; half < 2 * PARTS; half++)
#pragma unroll
        for (int i = 0; i < X_LOADS; i++)
        {
            int k = chunk * CHUNK + (half >> 1) * PART_K + warp * WARP_K + (half & 1) * (WARP_K / 2) + c * 8 * X_LOADS + i * 8;
#pragma unroll
            for (int o = 0; o < OCTETS; o++)
            {
                int m = o * 8 + g;
                x[half][i][o] = m < rows && k < K ? load_shared_u4(source + (size_t)m * K + k) : make_uint4(0, 0, 0, 0);
            }
        }
}

DEV void zero(Sums& sums)
{
#pragma unroll
    for (int t = 0; t < MAX_GROUP / 2; t++)
#pragma unroll
        for (int o = 0; o < OCTETS; o++) sums[t][o][0] = sums[t][o][1] = sums[t][o][2] = sums[t][o][3] = 0.0f;
}

// Eight k a lane of two tiles and all rows. Each sum waits for its last product: the octets in turn leave it time.
DEV void multiply_eight(float (&sums)[OCTETS][4], const u32 (&a0)[4], const u32 (&a1)[4], const uint4 (&x)[OCTETS])
{
#pragma unroll
    for (int o = 0; o < OCTETS; o++) mma_bf16(sums[o], a0[0], a1[0], a0[1], a1[1], x[o].x, x[o].y);
#pragma unroll
    for (int o = 0; o < OCTETS; o++) mma_bf16(sums[o], a0[2], a1[2], a0[3], a1[3], x[o].z, x[o].w);
}

// The sums of a group of n tiles, x from L2 straight to registers.
DEV void multiply(const Ring& ring, Cursor& at, const Product& p, const bf16* x_source, XChunk& x, int rows, int n, bool first_group, int phase, Sums& sums)
{
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, c = lane & 3;
    u32 inside = (u32)g * SEGMENT_PITCH + (u32)warp * 128u + (u32)c * 16u;
    zero(sums);
#pragma unroll 1
    for (int chunk = 0; chunk < p.chunks; chunk++)
    {
        u32 bytes = p.chunk_bytes(chunk);
        XChunk next;
        if (X_AHEAD && chunk + 1 < p.chunks) load_x(next, x_source, chunk + 1, rows, p.k);
        // Two tiles at a time. Of an odd number the last is multiplied twice, and the second result left.
#pragma unroll
        for (int t = 0; t < MAX_GROUP; t += 2)
        {
            if (t < n)
            {
                Cursor second = at;
                second.advance(ring);
                bool both = t + 1 < n;
                barrier_wait(at.full(ring), at.phase);
                if (both) barrier_wait(second.full(ring), second.phase);
                u32 address0 = at.data(ring) + inside, address1 = both ? second.data(ring) + inside : address0;
#pragma unroll
                for (int part = 0; part < PARTS; part++)
                {
                    if ((u32)(part * 1024 + warp * 128) >= bytes) break;
#pragma unroll
                    for (int h = 0; h < 2; h++)
                    {
                        const int half = 2 * part + h;
                        Operands a0, a1;
                        load_weights(address0 + part * 1024 + h * 64, a0);
                        load_weights(address1 + part * 1024 + h * 64, a1);
#pragma unroll
                        for (int i = 0; i < X_LOADS; i++) multiply_eight(sums[t / 2], a0[i], a1[i], x[half][i]);
                    }
                }
                __syncwarp();
                if (lane == 0)
                {
                    barrier_arrive(at.empty(ring));
                    if (both) barrier_arrive(second.empty(ring));
                }
                at.advance(ring);
                if (both) at.advance(ring);
            }
        }
        if (WEIGHT != 0 && first_group && chunk == 0) enter_phase(ring, phase);
        if (!X_AHEAD && chunk + 1 < p.chunks) load_x(x, x_source, chunk + 1, rows, p.k);
        if (X_AHEAD && chunk + 1 < p.chunks)
        {
#pragma unroll
            for (int half = 0; half < 2 * PARTS; half++)
#pragma unroll
                for (int i = 0; i < X_LOADS; i++)
#pragma unroll
                    for (int o = 0; o < OCTETS; o++) x[half][i][o] = next[half][i][o];
        }
    }
}

// The operand of one part of a lane's weights in a KiB: a 16th of the KiB's bytes in bf16, a 32nd of 8-bit ones.
DEV void load_part(u32 address, int part, u32 (&a)[4])
{
    if (WEIGHT == 0)
    {
        uint4 w = lds128(address + part * 64);
        a[0] = w.x; a[1] = w.y; a[2] = w.z; a[3] = w.w;
    }
    else
    {
        uint2 w = lds64(address + (part >> 1) * 64 + (part & 1) * 8);
        widen(w.x, w.y, a);
    }
}

// The same, x through shared memory: a part of a chunk after another, each for all of the group's tiles.
DEV void multiply_staged(const Ring& ring, Cursor& at, const Product& p, StagedX& staged, int n, bool first_group, int phase, Sums& sums)
{
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, c = lane & 3;
    u32 inside = (u32)g * SEGMENT_PITCH + (u32)warp * 128u + (u32)c * 16u;
    zero(sums);
#pragma unroll 1
    for (int chunk = 0; chunk < p.chunks; chunk++)
    {
        bool in_row = (u32)warp * 128u < p.chunk_bytes(chunk);
        if (lane < n)       // a lane a tile
        {
            Cursor tile = at.after(lane, ring);
            barrier_wait(tile.full(ring), tile.phase);
        }
        __syncwarp();
#pragma unroll 1
        for (int part = 0; part < X_PARTS; part++)
        {
            uint4 x[OCTETS];
            staged.take(x);
            if (!in_row) continue;
            u32 a0[4], a1[4], next0[4], next1[4];
            auto load_pair = [&](int t) {
                load_part(at.after(t, ring).data(ring) + inside, part, next0);
                load_part(at.after(t + 1 < n ? t + 1 : t, ring).data(ring) + inside, part, next1);
            };
            load_pair(0);
#pragma unroll
            for (int t = 0; t < MAX_GROUP; t += 2)
            {
                if (t < n)
                {
#pragma unroll
                    for (int i = 0; i < 4; i++)
                    {
                        a0[i] = next0[i];
                        a1[i] = next1[i];
                    }
                    if (t + 2 < MAX_GROUP && t + 2 < n) load_pair(t + 2);
                    multiply_eight(sums[t / 2], a0, a1, x);
                }
            }
        }
        __syncwarp();
        if (lane < n) barrier_arrive(at.after(lane, ring).empty(ring));
        at = at.after(n, ring);
        if (WEIGHT != 0 && first_group && chunk == 0) enter_phase(ring, phase);
    }
}
