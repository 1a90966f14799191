// Computes the sums of a group of a block's tiles over this warp's k. Weights come from the ring, and x from L2, either directly to
// registers or through shared memory.
#pragma once
#include "tiles.cuh"
#include "staged_x.cuh"

constexpr int CHUNK = SEGMENT / WEIGHT_BYTES;               // k values of a slot
constexpr int PART_K = 1024 / WEIGHT_BYTES;                 // k values of a KiB
constexpr int WARP_K = 128 / WEIGHT_BYTES;                  // k values of a warp in a KiB

// Converts eight 8-bit values of a weight row to four pairs of bf16 by moving their bits. The seven bits of an int8 become a subnormal
// number, the value times 2^-133; an e4m3 becomes the value times 2^-120. Tensor cores compute with both exactly. x is stored times
// X_SCALE and sums are multiplied by SUM_SCALE, so that no product is subnormal.
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

// The 16-row operands made from 16 bytes of a lane's weights, eight values each: one for bf16, two for 8-bit values.
typedef u32 Fragments[X_LOADS][4];

DEV void load_weights(u32 address, Fragments& a)
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
constexpr bool X_AHEAD = sizeof(XChunk) <= 128;             // load one chunk ahead if two fit into registers

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

// Multiplies eight k per lane of two tiles with all rows. Each sum depends on its previous product; going through the octets in turn hides
// that latency.
DEV void multiply_eight(float (&sums)[OCTETS][4], const u32 (&a0)[4], const u32 (&a1)[4], const uint4 (&x)[OCTETS])
{
#pragma unroll
    for (int o = 0; o < OCTETS; o++) mma_bf16(sums[o], a0[0], a1[0], a0[1], a1[1], x[o].x, x[o].y);
#pragma unroll
    for (int o = 0; o < OCTETS; o++) mma_bf16(sums[o], a0[2], a1[2], a0[3], a1[3], x[o].z, x[o].w);
}

constexpr int TILES_AT_ONCE = MAX_GROUP < 4 ? MAX_GROUP : 4;

// Computes the sums of a group of n tiles, with x loaded from L2 directly to registers.
DEV void multiply(const Ring& ring, Cursor& at, const Product& p, const bf16* x_source, XChunk& x, int rows, int n, bool first_group,
    int phase, Sums& sums)
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
        // Tiles are multiplied a few at a time. For each of them, one lane waits for the slot and frees it. If their number is odd, the
        // last tile is multiplied twice, and the second result is discarded.
#pragma unroll
        for (int first = 0; first < MAX_GROUP; first += TILES_AT_ONCE)
        {
            if (first >= n) break;
            int count = min(n - first, TILES_AT_ONCE);
            Cursor mine = at.after(min(lane, count - 1), ring);
            if (lane < count) barrier_wait(mine.full(ring), mine.phase);
            __syncwarp();
#pragma unroll
            for (int t = 0; t < TILES_AT_ONCE; t += 2)
            {
                if (t < count)
                {
                    u32 address0 = at.after(t, ring).data(ring) + inside;
                    u32 address1 = t + 1 < count ? at.after(t + 1, ring).data(ring) + inside : address0;
#pragma unroll
                    for (int part = 0; part < PARTS; part++)
                    {
                        if ((u32)(part * 1024 + warp * 128) >= bytes) break;
#pragma unroll
                        for (int h = 0; h < 2; h++)
                        {
                            const int half = 2 * part + h;
                            Fragments a0, a1;
                            load_weights(address0 + part * 1024 + h * 64, a0);
                            load_weights(address1 + part * 1024 + h * 64, a1);
#pragma unroll
                            for (int i = 0; i < X_LOADS; i++) multiply_eight(sums[(first + t) / 2], a0[i], a1[i], x[half][i]);
                        }
                    }
                }
            }
            __syncwarp();
            if (lane < count) barrier_arrive(mine.empty(ring));
            at = at.after(count, ring);
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

// Loads the operand for one part of a lane's weights in a KiB. A part is a 16th of the KiB with bf16, and a 32nd with 8-bit weights.
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

// The same with x in shared memory: one part of a chunk after another, each for all of the group's PAIRS pairs of tiles. If the number of
// tiles is odd, the last tile is multiplied twice, and the second result is discarded.
template <int PAIRS>
DEV void multiply_staged(const Ring& ring, Cursor& at, const Product& p, StagedX& staged, int n, bool first_group, int phase, Sums& sums)
{
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, c = lane & 3;
    u32 inside = (u32)g * SEGMENT_PITCH + (u32)warp * 128u + (u32)c * 16u;
    zero(sums);
#pragma unroll 1
    for (int chunk = 0; chunk < p.chunks; chunk++)
    {
        Cursor mine = at.after(min(lane, n - 1), ring);
        if (lane < n) barrier_wait(mine.full(ring), mine.phase);       // one lane per tile
        __syncwarp();
        u32 weights[2 * PAIRS];
#pragma unroll
        for (int t = 0; t < 2 * PAIRS; t++) weights[t] = at.after(min(t, n - 1), ring).data(ring) + inside;
        bool in_row = (u32)warp * 128u < p.chunk_bytes(chunk);
#pragma unroll
        for (int part = 0; part < X_PARTS; part++)
        {
            uint4 x[OCTETS];
            staged.take(part % STAGES, x);
            if (part + 1 < X_PARTS || chunk + 1 < p.chunks) staged.ask((part + 1) % STAGES);
            if (!in_row) continue;
#pragma unroll
            for (int pair = 0; pair < PAIRS; pair++)
            {
                u32 a0[4], a1[4];
                load_part(weights[2 * pair], part, a0);
                load_part(weights[2 * pair + 1], part, a1);
                multiply_eight(sums[pair], a0, a1, x);
            }
        }
        __syncwarp();
        if (lane < n) barrier_arrive(mine.empty(ring));
        at = at.after(n, ring);
        if (WEIGHT != 0 && first_group && chunk == 0) enter_phase(ring, phase);
    }
}

// Calls multiply_staged with the number of pairs that n tiles make. Each number has its own copy of the loop, without comparisons inside.
template <int PAIRS = MAX_GROUP / 2>
DEV void multiply_staged_group(const Ring& ring, Cursor& at, const Product& p, StagedX& staged, int n, bool first_group, int phase,
    Sums& sums)
{
    if constexpr (PAIRS > 1)
    {
        if (n <= 2 * PAIRS - 2) return multiply_staged_group<PAIRS - 1>(ring, at, p, staged, n, first_group, phase, sums);
    }
    multiply_staged<PAIRS>(ring, at, p, staged, n, first_group, phase, sums);
}
