// The layout of the key-value cache, by page, layer, keys or values, and head: [pages, layers, 2, KV_HEADS][BLOCK_BYTES].
//
// CACHE 0: PAGE positions of D bf16. CACHE 1: PAGE positions of D e4m3, then PAGE float32 scales, one per position: a value is its e4m3
// code times the scale, which is the largest magnitude of the position's D values divided by 448. Keys are large in RoPE's slow dimensions,
// and values are small. With a scale per position, no value underflows e4m3's range, at the cost of 3 % more bytes. CACHE 2: PAGE positions
// of D float32.
#pragma once
#include "common.cuh"

constexpr int D = 128;
constexpr int PAGE = 64;                                    // positions per cache page
constexpr int POSITION_BYTES = CACHE == 0 ? 2 * D : CACHE == 1 ? D : 4 * D;
constexpr int BLOCK_BYTES = PAGE * POSITION_BYTES + (CACHE == 1 ? PAGE * 4 : 0);

// The type of data outside the cache: the embedding, the norms' weights, activations.
#if CACHE == 2
typedef float element;
#else
typedef bf16 element;
#endif

// In the two layouts that step.cu reads, 16-byte piece p of position t is stored as piece p ^ swizzle(t), so that tensor-core loads
// have no bank conflicts.
DEV int swizzle(int t) { return CACHE == 0 ? ((t >> 1) & 3) | ((t & 1) << 2) : t & 7; }

// The part of a position that each of 16 lanes holds: eight of its D values, as bf16, or as e4m3 codes with the position's scale.
struct Kept
{
    uint4 values;           // CACHE 1: 8 bytes in x and y
    float scale;
};

// Converts a position's values to the type of the cache. Lane i of 16 passes dimensions 8 i to 8 i + 7. All 16 lanes of a half warp must
// call this together.
DEV Kept keep(const uint4& v)
{
    Kept kept = { v, 1.0f };
#if CACHE != 0
    const u32 mask = 0xffffu << (threadIdx.x & 16);
    float x[8];
    unpack_bf16(v, x);
    float top = 0.0f;
#pragma unroll
    for (int i = 0; i < 8; i++) top = fmaxf(top, fabsf(x[i]));
#pragma unroll
    for (int i = 8; i; i >>= 1) top = fmaxf(top, __shfl_xor_sync(mask, top, i));
    if (top >= 1e-30f) kept.scale = top / 448.0f;
    u32 codes[2] = { 0, 0 };
#pragma unroll
    for (int i = 0; i < 8; i++) codes[i >> 2] |= to_e4m3(x[i] / kept.scale) << (i & 3) * 8;
    kept.values = make_uint4(codes[0], codes[1], 0, 0);
#endif
    return kept;
}

// Byte offsets within a block: value_offset for lane i's values at position t, and scale_offset for that position's scale.
DEV u32 value_offset(int t, int i)
{
    return t * POSITION_BYTES + (CACHE == 0 ? (i ^ swizzle(t)) << 4 : ((i >> 1) ^ swizzle(t)) << 4 | (i & 1) << 3);
}
DEV u32 scale_offset(int t) { return PAGE * POSITION_BYTES + t * 4; }

DEV void store_kept(u8* block, int t, int i, const Kept& kept)
{
    if (CACHE == 0) *(uint4*)(block + value_offset(t, i)) = kept.values;
    else
    {
        *(uint2*)(block + value_offset(t, i)) = make_uint2(kept.values.x, kept.values.y);
        if (i == 0) *(float*)(block + scale_offset(t)) = kept.scale;
    }
}

DEV uint4 load_kept(const u8* block, int t, int i)
{
    if (CACHE == 0) return *(const uint4*)(block + value_offset(t, i));
    uint2 codes = *(const uint2*)(block + value_offset(t, i));
    float scale = *(const float*)(block + scale_offset(t)), x[8];
#pragma unroll
    for (int j = 0; j < 8; j++) x[j] = from_e4m3(((j < 4 ? codes.x : codes.y) >> (j & 3) * 8) & 255u) * scale;
    return make_uint4(pack_bf16(x[0], x[1]), pack_bf16(x[2], x[3]), pack_bf16(x[4], x[5]), pack_bf16(x[6], x[7]));
}
