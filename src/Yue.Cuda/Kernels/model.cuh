// The model that a build of the step kernel is for (NVRTC -D options) and what the host passes to it.
//
// ROWS       8, 16, 32, 64 or 80: the most rows of this build; a row's result is the same bits in each of them
// WEIGHT     0 bf16, 1 int8 (sign and seven bits of size), 2 fp8 e4m3; 8-bit matrices have one float32 scale a row
// CACHE      0 bf16, 1 fp8 e4m3: see cache.cuh
// HIDDEN, INTERMEDIATE, HEADS, KV_HEADS: the shape; the head size is 128
#pragma once
#include "cache.cuh"
#include "ring.cuh"

constexpr int GROUP = HEADS / KV_HEADS;
constexpr int QKV_HEADS = HEADS + 2 * KV_HEADS;
constexpr int MAX_SPLITS = 64;
constexpr int OCTETS = ROWS / 8;
constexpr int WEIGHT_BYTES = WEIGHT == 0 ? 2 : 1;
constexpr int X_LOADS = 2 / WEIGHT_BYTES;                   // 16-byte loads of x for 16 bytes of weights
constexpr int X_PARTS = 2 * X_LOADS;                        // and for the 32 bytes that a lane has of a KiB of a weight row
// What products take is stored times X_SCALE; see widen in multiply.cuh.
constexpr float X_SCALE = WEIGHT == 0 ? 1.0f : 18446744073709551616.0f;                                    // 2^64
constexpr float SUM_SCALE = WEIGHT == 0 ? 1.0f : WEIGHT == 1 ? 590295810358705651712.0f : 72057594037927936.0f;   // 2^69, 2^56
// Keys and values of an e4m3 cache are multiplied as widen_e4m3 leaves them, times 2^-120: queries and softmax weights come times
// QUERY_SCALE, sums go out times CACHE_SCALE.
constexpr float QUERY_SCALE = CACHE == 0 ? 1.0f : 18446744073709551616.0f;   // 2^64
constexpr float CACHE_SCALE = CACHE == 0 ? 1.0f : 72057594037927936.0f;     // 2^56
constexpr int MAX_BLOCKS = 256;
constexpr int LISTED_UNITS = ROWS >= 64 ? 512 : 256;      // 80 rows of 2,700 positions and 16 heads are 420 units a block of 132
// Tiles whose sums the warps exchange at once; where x is staged, each warp's in the memory of its stages, which are empty by then.
constexpr int BATCH = X_STAGED ? STAGED_BYTES / (CONSUMER_WARPS * ROWS * 8 * 4) : ROWS == 80 ? 2 : 64 / ROWS;

static_assert(HEADS % KV_HEADS == 0 && GROUP <= 8, "at most eight query heads a key-value head");
static_assert(HIDDEN % 128 == 0 && INTERMEDIATE % 128 == 0, "rows are read in pieces of 128 values");

struct Layer
{
    const void *qkv, *o, *gate_up, *down;                   // [QKV_HEADS*D, HIDDEN], [HIDDEN, HEADS*D], [2*INTERMEDIATE, HIDDEN], [HIDDEN, INTERMEDIATE]
    const float *qkv_scale, *o_scale, *gate_up_scale, *down_scale;  // one a row, or null for bf16
    const bf16 *attention_norm, *mlp_norm;                  // [HIDDEN]
};

struct Step
{
    const Layer* layers;
    const bf16* embedding;          // [V, HIDDEN]
    const void* head;               // [V, HIDDEN]
    const float* head_scale;
    const bf16* final_norm;         // [HIDDEN]
    const float2* rope;             // [context, 64]: cos, sin
    u8* cache;                      // [pages, layers, 2, KV_HEADS] blocks of cache.cuh
    const int* page_table;          // [ROWS, max_pages]
    const int* token;               // [ROWS]
    const int* position;            // [ROWS]
    const int* active;              // [ROWS]
    float* residual;                // [ROWS, HIDDEN]
    bf16* normed;                   // x_index [ROWS, HIDDEN]: residual times the next norm's weight, not yet divided by the root mean square
    float* squares;                 // [2, ROWS, MAX_BLOCKS]: each block's share of the sum of squares of residual
    bf16* query;                    // [ROWS, HEADS*D], times QUERY_SCALE
    bf16* fresh;                    // [ROWS, 2, KV_HEADS, D]: this position's keys and values, which attention puts into the cache
    bf16* attended;                 // x_index [ROWS, HEADS*D]
    bf16* mlp;                      // x_index [ROWS, INTERMEDIATE]
    float* partial;                 // [ROWS, KV_HEADS, MAX_SPLITS, GROUP, D]
    float2* partial_stats;          // [ROWS, KV_HEADS, MAX_SPLITS, GROUP]: maximum (in powers of two) and sum
    float* logits;                  // [ROWS, head_rows]
    u32* barrier;                   // arrivals so far, and what they were when the launch began; zero at first
    int rows, layer_count, max_pages, slots, head_start, head_rows;
    float epsilon;
};

// Where value k of row m of a product's x [ROWS, K] is: row after row, or where x is staged in the order in which lanes take it, eight
// values each: [chunks of 1 KiB of a weight row, X_PARTS, warps, octets of rows, lanes, 8]. A last chunk that K does not fill has its room.
DEV size_t x_index(int m, int k, int K)
{
    if (!X_STAGED) return (size_t)m * K + k;
    constexpr int WARP_K = 128 / WEIGHT_BYTES, HALF_K = WARP_K / 2, LANE_K = 8 * X_LOADS;
    int chunk_warp = k / WARP_K, chunk = chunk_warp >> 3, warp = chunk_warp & 7, half = k / HALF_K & 1, c = k % HALF_K / LANE_K, load = k % LANE_K / 8;
    int stage = chunk * X_PARTS + half * X_LOADS + load;
    return (size_t)((stage * CONSUMER_WARPS + warp) * OCTETS + (m >> 3)) * 256 + ((m & 7) * 4 + c) * 8 + (k & 7);
}

// The block of keys (kv = 0) or values (kv = 1) of one page, layer and head.
DEV size_t cache_offset(int page, int layer, int layer_count, int kv, int head)
{
    return ((((size_t)page * layer_count + layer) * 2 + kv) * KV_HEADS + head) * BLOCK_BYTES;
}

// Pages of one attention split: a function of the row's own length alone, so that a row's sums never depend on other rows. Where
// key-value heads are many, splits of two pages are enough to go round, and leave half the sums to write and to join.
DEV int split_shift(int pages)
{
    int shift = KV_HEADS >= 16 && pages > 16 ? 1 : 0;
    while (((pages + (1 << shift) - 1) >> shift) > MAX_SPLITS) shift++;
    return shift;
}

struct Shared
{
    u64 full[MAX_SLOTS], empty[MAX_SLOTS];
    int phase;                      // see ring.cuh
    float rstd[ROWS];
    float squares[ROWS];
    int position[ROWS];             // -1: the row is not active
    int unit_start[ROWS + 1];       // attention units of the rows before
    u32 units[LISTED_UNITS];        // this block's attention units, see attention.cuh
    int unit_pages[LISTED_UNITS];   // and the first page of each
    float tile_squares[BATCH][ROWS];
    __align__(16) float sums[X_STAGED ? 4 : CONSUMER_WARPS * BATCH * ROWS * 8];     // 16 KiB
};

// Tiles of eight weight rows go round the blocks, and each product starts at the block after the last one's end: no block reads
// more than one tile more than another in a whole step.
struct Deal
{
    int first, count;

    // Of so many items from the block offset on, which is less than the number of blocks.
    DEV Deal(int items, int offset)
    {
        u32 blocks = gridDim.x;
        first = (int)blockIdx.x - offset;
        if (first < 0) first += blocks;
        count = first < items ? (int)(((u32)(items - first) + blocks - 1) / blocks) : 0;
    }
};
