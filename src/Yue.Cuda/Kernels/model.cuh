// The model that a build of the step kernel is for (NVRTC -D options), and the layout of its step.
//
// ROWS       8, 16, 32, 64 or 80: the maximum number of rows of this build; a row's result is bit-identical in all builds
// WEIGHT     0 bf16, 1 int8 (sign and seven bits of magnitude), 2 fp8 e4m3, 4 int6, 5 int4 (WeightType); 8-bit matrices have one float32
//            scale per row, int6 and int4 a scale per group of 32 weights within the row (GroupedWeights.cs)
// CACHE      0 bf16, 1 fp8 e4m3: see cache.cuh
// HIDDEN, INTERMEDIATE, HEADS, KV_HEADS: the shape; the head size is 128
// QK_NORM    1: query and key heads are normalized; see finish_heads in outputs.cuh
#pragma once
#include "step.cuh"
#include "ring.cuh"

constexpr int OCTETS = ROWS / 8;
constexpr int X_LOADS = UNIT_K / 64;                        // 16-byte loads of x for a lane's half of a unit
constexpr int X_PARTS = 2 * X_LOADS;                        // and for both halves
// The inputs of products are stored multiplied by X_SCALE; see widen in multiply.cuh.
constexpr float X_SCALE = ROW_SCALES ? 18446744073709551616.0f : 1.0f;                                     // 2^64
constexpr float SUM_SCALE = WEIGHT == 0 ? 1.0f : WEIGHT == 1 ? 590295810358705651712.0f                    // 2^69
    : WEIGHT == 2 ? 72057594037927936.0f : 137438953472.0f;                                                // 2^56, 2^37
// Keys and values of an e4m3 cache are used as returned by widen_e4m3, that is, times 2^-120. To compensate, queries and softmax weights
// are multiplied by QUERY_SCALE, and sums by CACHE_SCALE.
constexpr float QUERY_SCALE = CACHE == 0 ? 1.0f : 18446744073709551616.0f;   // 2^64
constexpr float CACHE_SCALE = CACHE == 0 ? 1.0f : 72057594037927936.0f;     // 2^56
// The maximum number of attention units that a block lists. 80 rows with 16 key-value heads, distributed over 132 blocks, have 214 units
// per block at 2,700 positions and 621 at 8,192.
constexpr int LISTED_UNITS = ROWS >= 64 ? 512 : 256;
// The number of tiles whose sums the warps exchange at a time. If x is staged, each warp uses the memory of its stages, which are empty by
// then.
constexpr int BATCH = X_STAGED ? STAGED_BYTES / (CONSUMER_WARPS * ROWS * 8 * 4) : ROWS == 80 ? 2 : 64 / ROWS;

// Returns the index of value k of row m of a product's x [ROWS, K]. Rows are contiguous. If x is staged, values are instead in the order in
// which lanes read them, eight at a time: [chunks of a weight row, X_PARTS, warps, octets of rows, lanes, 8]. The last chunk takes the
// space of a whole chunk even if K does not fill it.
DEV size_t x_index(int m, int k, int K)
{
    if (!X_STAGED) return (size_t)m * K + k;
    constexpr int HALF_K = UNIT_K / 2, LANE_K = 8 * X_LOADS;
    int chunk_warp = k / UNIT_K, chunk = chunk_warp >> 3, warp = chunk_warp & 7;
    int half = k / HALF_K & 1, c = k % HALF_K / LANE_K, load = k % LANE_K / 8;
    int stage = chunk * X_PARTS + half * X_LOADS + load;
    return (size_t)((stage * CONSUMER_WARPS + warp) * OCTETS + (m >> 3)) * 256 + ((m & 7) * 4 + c) * 8 + (k & 7);
}

struct Shared
{
    u64 full[MAX_SLOTS], empty[MAX_SLOTS];
    int phase;                      // see ring.cuh
    float rstd[ROWS];
    float squares[ROWS];
    int position[ROWS];             // -1: the row is not active
    int unit_start[ROWS + 1];       // number of attention units of the previous rows
    u32 units[LISTED_UNITS];        // this block's attention units, see attention_units.cuh
    int unit_pages[LISTED_UNITS];   // and the first page of each
    float tile_squares[BATCH][ROWS];
    __align__(16) float sums[X_STAGED ? 4 : CONSUMER_WARPS * BATCH * ROWS * 8];     // 16 KiB, or 40 with 80 rows
};

// Tiles of eight weight rows are dealt to the blocks in turn, and each product starts at the block after the last block of the previous
// product. In a whole step, the numbers of tiles of any two blocks differ by at most one.
struct Deal
{
    int first, count;

    // Deals items in turn, starting at block `offset`, which is less than the number of blocks.
    DEV Deal(int items, int offset)
    {
        u32 blocks = gridDim.x;
        first = (int)blockIdx.x - offset;
        if (first < 0) first += blocks;
        count = first < items ? (int)(((u32)(items - first) + blocks - 1) / blocks) : 0;
    }
};
