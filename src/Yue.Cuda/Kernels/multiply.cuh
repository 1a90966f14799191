// Computes the sums of a group of tiles over this warp's k. Weights come from the ring, and x from L2, either directly to
// registers or through shared memory.
#pragma once
#include "tiles.cuh"
#include "staged_x.cuh"

constexpr int PART_K = CONSUMER_WARPS * UNIT_K;             // k values of a part of a slot
constexpr int CHUNK = PARTS * PART_K;                       // and of a whole slot

// Converts eight 8-bit values of a weight row to four pairs of bf16 by moving their bits. The seven bits of an int8 become a subnormal
// number, the value times 2^-133; an e4m3 becomes the value times 2^-120. Tensor cores compute with both exactly. x is stored
// multiplied by X_SCALE, and sums are multiplied by SUM_SCALE, so that no product is subnormal.
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

// The factor and the offset of a low-bit group, for both halves of a register. A code, placed in the lowest bits of a bf16, is a subnormal
// number, the code times 2^-133. The factor is the scale times 2^96, so that a weight becomes the value times 2^-37, which is normal. With
// four bits, the four significant bits of the scale make every step exact; with six, the weight is rounded once.
struct Affine
{
    u32 factor, factor16, offset;   // factor16 is for codes times 16

    DEV Affine(u32 scales, int half)
    {
        u32 both = __byte_perm(scales, 0, half ? 0x3232 : 0x1010);
        u32 zero = WEIGHT == 5 ? both & 0x000f000fu : 0x00200020u;
        factor = (WEIGHT == 5 ? both & 0xfff0fff0u : both) + (96u << 23 | 96u << 7);
        factor16 = factor - (4u << 23 | 4u << 7);
        offset = fma_bf16(zero, factor ^ 0x80008000u, 0x80008000u);
    }
};

// Converts eight low-bit codes to four pairs of bf16: the lower four bits of code 2 i are at bit 4 i of low, and those of code 2 i + 1
// at bit 16 + 4 i. A word of upper bits contains the bits of 16 codes in the same order, two bits each; odd selects the second eight.
DEV void widen_codes(u32 low, u32 high, int odd, const Affine& affine, u32 (&a)[4])
{
    if constexpr (WEIGHT == 5)
    {
        // The second code of a byte is used where it is, as 16 times the code. Bit 7 belongs to the exponent of a bf16, but numbers with
        // the two smallest exponents have the same spacing.
        a[0] = fma_bf16(low & 0x000f000fu, affine.factor, affine.offset);
        a[1] = fma_bf16(low & 0x00f000f0u, affine.factor16, affine.offset);
        a[2] = fma_bf16(low >> 8 & 0x000f000fu, affine.factor, affine.offset);
        a[3] = fma_bf16(low >> 8 & 0x00f000f0u, affine.factor16, affine.offset);
    }
    else
    {
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            int shift = 2 * (4 * odd + i) - 4;
            u32 upper = (shift < 0 ? high << -shift : high >> shift) & 0x00300030u;
            a[i] = fma_bf16((low >> 4 * i & 0x000f000fu) | upper, affine.factor, affine.offset);
        }
    }
}

// Returns the upper bits of a lane's half of an int6 unit.
DEV uint2 load_high(u32 address, int half) { return WEIGHT == 4 ? lds64(address + 128 + half * 8) : make_uint2(0, 0); }

// Returns the two scales of a lane's groups. They take 4 bytes per lane at the unit's end; the codes take 16 bytes per lane from its start.
DEV u32 load_scales(u32 address)
{
    return GROUPED ? __float_as_uint(lds32(address + (UNIT_BYTES - 16) - (threadIdx.x & 3) * 12)) : 0;
}

// The 16-row operands made from a lane's half of a unit, eight values each: one for bf16, two for 8-bit values, four for low-bit codes.
typedef u32 Fragments[X_LOADS][4];

// Loads the operands of a lane's half of a unit. scales: the scales of the lane's groups in the unit.
DEV void load_weights(u32 address, int half, u32 scales, Fragments& a)
{
    uint4 w = lds128(address + half * 64);
    if constexpr (WEIGHT == 0)
    {
        a[0][0] = w.x; a[0][1] = w.y; a[0][2] = w.z; a[0][3] = w.w;
    }
    else if constexpr (!GROUPED)
    {
        widen(w.x, w.y, a[0]);
        widen(w.z, w.w, a[X_LOADS - 1]);
    }
    else
    {
        Affine affine(scales, half);
        uint2 high = load_high(address, half);
        widen_codes(w.x, high.x, 0, affine, a[0]);
        widen_codes(w.y, high.x, 1, affine, a[1 % X_LOADS]);
        widen_codes(w.z, high.y, 0, affine, a[2 % X_LOADS]);
        widen_codes(w.w, high.y, 1, affine, a[3 % X_LOADS]);
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
            int k = chunk * CHUNK + (half >> 1) * PART_K + warp * UNIT_K + (half & 1) * (UNIT_K / 2) + c * 8 * X_LOADS + i * 8;
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

// Multiplies eight k per lane of two tiles with all rows. Each multiplication waits for the previous value of its sum; processing the
// octets in turn hides that latency.
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
    u32 inside = (u32)g * SEGMENT_PITCH + (u32)warp * UNIT_BYTES + (u32)c * 16u;
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
                        if ((u32)(part * PART_BYTES + warp * UNIT_BYTES) >= bytes) break;
                        u32 unit0 = address0 + part * PART_BYTES, unit1 = address1 + part * PART_BYTES;
                        u32 scales0 = load_scales(unit0), scales1 = load_scales(unit1);
#pragma unroll
                        for (int h = 0; h < 2; h++)
                        {
                            const int half = 2 * part + h;
                            Fragments a0, a1;
                            load_weights(unit0, h, scales0, a0);
                            load_weights(unit1, h, scales1, a1);
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

// A lane's weights of a unit, loaded in parts of eight values. Low-bit codes stay in registers for half a unit.
struct UnitInParts
{
    u32 address, scales;
    uint4 low;
    uint2 high;

    DEV void start(u32 unit)
    {
        address = unit;
        scales = load_scales(unit);
    }

    // Loads the operand of a part. Parts are loaded in order.
    DEV void load(int part, u32 (&a)[4])
    {
        if constexpr (WEIGHT == 0)
        {
            uint4 w = lds128(address + part * 64);
            a[0] = w.x; a[1] = w.y; a[2] = w.z; a[3] = w.w;
        }
        else if constexpr (!GROUPED)
        {
            uint2 w = lds64(address + (part >> 1) * 64 + (part & 1) * 8);
            widen(w.x, w.y, a);
        }
        else
        {
            int half = part / X_LOADS, eight = part % X_LOADS;
            if (eight == 0)
            {
                low = lds128(address + half * 64);
                high = load_high(address, half);
            }
            u32 codes = eight == 0 ? low.x : eight == 1 ? low.y : eight == 2 ? low.z : low.w;
            widen_codes(codes, eight < 2 ? high.x : high.y, eight & 1, Affine(scales, half), a);
        }
    }
};

// Like multiply, but with x in shared memory: one part of a chunk after another, each for all of the group's PAIRS pairs of tiles. If the
// number of tiles is odd, the last tile is multiplied twice, and the second result is discarded.
template <int PAIRS>
DEV void multiply_staged(const Ring& ring, Cursor& at, const Product& p, StagedX& staged, int n, bool first_group, int phase, Sums& sums)
{
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, c = lane & 3;
    u32 inside = (u32)g * SEGMENT_PITCH + (u32)warp * UNIT_BYTES + (u32)c * 16u;
    zero(sums);
#pragma unroll 1
    for (int chunk = 0; chunk < p.chunks; chunk++)
    {
        Cursor mine = at.after(min(lane, n - 1), ring);
        if (lane < n) barrier_wait(mine.full(ring), mine.phase);       // one lane per tile
        __syncwarp();
        UnitInParts units[2 * PAIRS];
#pragma unroll
        for (int t = 0; t < 2 * PAIRS; t++) units[t].start(at.after(min(t, n - 1), ring).data(ring) + inside);
        int first_k = (chunk * CONSUMER_WARPS + warp) * UNIT_K;
#pragma unroll
        for (int part = 0; part < X_PARTS; part++)
        {
            uint4 x[OCTETS];
            staged.take(part % STAGES, x);
            if (part + 1 < X_PARTS || chunk + 1 < p.chunks) staged.ask((part + 1) % STAGES);
            if (first_k + part / X_LOADS * (UNIT_K / 2) >= p.k) continue;
#pragma unroll
            for (int pair = 0; pair < PAIRS; pair++)
            {
                u32 a0[4], a1[4];
                units[2 * pair].load(part, a0);
                units[2 * pair + 1].load(part, a1);
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
