// The parameters of a step, for both step.cu and step_f32.cu, and the addresses of a row's keys and values.
//
// HIDDEN, INTERMEDIATE, HEADS, KV_HEADS: the shape; the head size is 128
// QK_NORM    1: every query and key head is normalized before it is rotated; 0: none is
// MAX_SPLITS, MAX_BLOCKS: the maximum numbers of splits of a row's attention and of blocks of a launch, for which the host allocates memory
#pragma once
#include "cache.cuh"

constexpr int GROUP = HEADS / KV_HEADS;
constexpr int ROTATED_HEADS = HEADS + KV_HEADS;             // queries, then keys
constexpr int QKV_HEADS = HEADS + 2 * KV_HEADS;
constexpr int HEAD_TILES = D / 8;                           // tiles of a head, each with a partial sum of squares

static_assert(HEADS % KV_HEADS == 0 && GROUP <= 8, "at most eight query heads per key-value head");
static_assert(HIDDEN % 128 == 0 && INTERMEDIATE % 128 == 0, "rows are read in pieces of 128 values");

struct Layer
{
    // [QKV_HEADS*D, HIDDEN], [HIDDEN, HEADS*D], [2*INTERMEDIATE, HIDDEN], [HIDDEN, INTERMEDIATE].
    const void *qkv, *o, *gate_up, *down;
    const float *qkv_scale, *o_scale, *gate_up_scale, *down_scale;  // one per row of 8-bit weights, otherwise null
    const element *attention_norm, *mlp_norm;               // [HIDDEN]
};

// Each x is in the order in which a product reads it: row by row in step_f32.cu, in the order of x_index (model.cuh) in step.cu.
// step_f32.cu does not use head_scale, squares, fresh, slots or head_squares.
struct Step
{
    const Layer* layers;
    const element* embedding;       // [V, HIDDEN]
    const void* head;               // [V, HIDDEN]
    const float* head_scale;
    const element* final_norm;      // [HIDDEN]
    const float2* rope;             // [context, 64]: cos, sin
    u8* cache;                      // [pages, layers, 2, KV_HEADS] blocks of cache.cuh
    const int* page_table;          // [ROWS, max_pages]
    const int* token;               // [ROWS]
    const int* position;            // [ROWS]
    const int* active;              // [ROWS]
    float* residual;                // [ROWS, HIDDEN]
    element* normed;                // x [ROWS, HIDDEN]: residual times the next norm's weight, not yet divided by the root mean square
    float* squares;                 // [2, ROWS, MAX_BLOCKS]: each block's partial sum of squares of residual
    element* query;                 // [ROWS, HEADS*D], times QUERY_SCALE
    element* fresh;                 // [ROWS, 2, KV_HEADS, D]: this position's keys and values, which attention writes to the cache
    element* attended;              // x [ROWS, HEADS*D]
    element* mlp;                   // x [ROWS, INTERMEDIATE]
    float* partial;                 // [ROWS, KV_HEADS, MAX_SPLITS, GROUP, D]
    float2* partial_stats;          // [ROWS, KV_HEADS, MAX_SPLITS, GROUP]: maximum and sum
    float* logits;                  // [ROWS, head_rows]
    u32* barrier;                   // the number of arrivals so far, and its value when the launch began; initially zero
    int rows, layer_count, max_pages, slots, head_start, head_rows;
    float epsilon;
    const element* head_norms;      // QK_NORM: [layers, 2, D], the weights of a layer's query norm and key norm
    float* head_squares;            // QK_NORM: [ROWS, ROTATED_HEADS, HEAD_TILES], each tile's partial sum of squares of a head
};

// The launch parameters of a build of a step. The host reads step_layout from the compiled module (StepLayout.cs), so that values derived
// from the kernel's constants are defined only here.
struct StepLayout
{
    int threads;                    // number of threads of a block
    int slot_bytes;                 // shared memory of a slot of the copy ring (ring.cuh); 0: no ring
    int other_bytes;                // shared memory without the slots
    int min_slots, max_slots;
};

// Returns the offset of the block of keys (kv = 0) or values (kv = 1) of one page, layer and head.
DEV size_t cache_offset(int page, int layer, int layer_count, int kv, int head)
{
    return ((((size_t)page * layer_count + layer) * 2 + kv) * KV_HEADS + head) * BLOCK_BYTES;
}

// Returns s such that an attention split has 2^s pages. It depends only on the row's length, so that a row's sums never depend on other
// rows. With many key-value heads, splits of two pages give all blocks enough work, and only half as many sums are written and joined.
DEV int split_shift(int pages)
{
    int shift = KV_HEADS >= 16 && pages > 16 ? 1 : 0;
    while (((pages + (1 << shift) - 1) >> shift) > MAX_SPLITS) shift++;
    return shift;
}
