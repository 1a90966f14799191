// What the host passes to a step, in either precision, and where both find a row's keys and values.
//
// HIDDEN, INTERMEDIATE, HEADS, KV_HEADS: the shape; the head size is 128
// QK_NORM    1: every query and key head is normed before it is rotated; 0: none is
// MAX_SPLITS, MAX_BLOCKS: what the host allocates for, splits of a row's attention and blocks of a launch
#pragma once
#include "cache.cuh"

constexpr int GROUP = HEADS / KV_HEADS;
constexpr int ROTATED_HEADS = HEADS + KV_HEADS;             // queries, then keys
constexpr int QKV_HEADS = HEADS + 2 * KV_HEADS;
constexpr int HEAD_TILES = D / 8;                           // shares of a head's sum of squares

static_assert(HEADS % KV_HEADS == 0 && GROUP <= 8, "at most eight query heads a key-value head");
static_assert(HIDDEN % 128 == 0 && INTERMEDIATE % 128 == 0, "rows are read in pieces of 128 values");

struct Layer
{
    // [QKV_HEADS*D, HIDDEN], [HIDDEN, HEADS*D], [2*INTERMEDIATE, HIDDEN], [HIDDEN, INTERMEDIATE].
    const void *qkv, *o, *gate_up, *down;
    const float *qkv_scale, *o_scale, *gate_up_scale, *down_scale;  // one a row of 8-bit weights, else null
    const element *attention_norm, *mlp_norm;               // [HIDDEN]
};

// An x is in the order in which a product takes it: row after row in step_f32.cu, as x_index of model.cuh has it in step.cu. The former
// leaves squares and fresh alone.
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
    float* squares;                 // [2, ROWS, MAX_BLOCKS]: each block's share of the sum of squares of residual
    element* query;                 // [ROWS, HEADS*D], times QUERY_SCALE
    element* fresh;                 // [ROWS, 2, KV_HEADS, D]: this position's keys and values, which attention puts into the cache
    element* attended;              // x [ROWS, HEADS*D]
    element* mlp;                   // x [ROWS, INTERMEDIATE]
    float* partial;                 // [ROWS, KV_HEADS, MAX_SPLITS, GROUP, D]
    float2* partial_stats;          // [ROWS, KV_HEADS, MAX_SPLITS, GROUP]: maximum and sum
    float* logits;                  // [ROWS, head_rows]
    u32* barrier;                   // arrivals so far, and what they were when the launch began; zero at first
    int rows, layer_count, max_pages, slots, head_start, head_rows;
    float epsilon;
    const element* head_norms;      // QK_NORM: [layers, 2, D], the weights of a layer's query norm and key norm
    float* head_squares;            // QK_NORM: [ROWS, ROTATED_HEADS, HEAD_TILES], each tile's share of a head's sum of squares
};

// How a build of a step is launched. The host reads step_layout from the compiled module (StepLayout.cs): what the kernel's constants
// come to stands here alone.
struct StepLayout
{
    int threads;                    // of a block
    int slot_bytes;                 // shared memory of a slot of the copy ring (ring.cuh); 0: no ring
    int other_bytes;                // shared memory without the slots
    int least_slots, most_slots;
};

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
