// One decode step of a Llama model in float32 throughout (weights, activations, keys and values): the same computation as step.cu in its
// simplest form. It is the reference on the device, and close enough to the reference on the CPU to meet float32's tolerances.
//
// CACHE      2; HIDDEN, INTERMEDIATE, HEADS, KV_HEADS, QK_NORM: the shape; up to 80 rows
// Launch: cooperative, one block of 256 threads per multiprocessor.
// Reference: Yue.Cuda.Tests/ReferenceLlama (double accumulation).
// Why this version: it is meant for comparisons, not for speed. A warp computes four outputs of eight rows at a time, so weights are read
// again for every eight rows. A grid barrier separates phases that depend on other blocks. No sum of a row depends on the other rows. x is
// stored multiplied by the norm's weight, and the product's result is multiplied by 1/rms, a factor of the whole row.
#include "step.cuh"
#include "grid.cuh"

constexpr int TILE = 4;             // outputs that a warp computes at a time for a row
constexpr int ROWS_AT_ONCE = 8;
constexpr int MAX_ROWS = 80;

struct Shared
{
    float rstd[MAX_ROWS];
    int position[MAX_ROWS];        // -1: the row is not active
};

DEV int block_warp() { return (int)threadIdx.x >> 5; }
DEV int block_lane() { return (int)threadIdx.x & 31; }

// The index of this warp among all warps of the launch. The indices of a block's warps are far apart, so that neighbors in memory are
// processed by different multiprocessors.
DEV int grid_warp() { return block_warp() * (int)gridDim.x + (int)blockIdx.x; }
DEV int grid_warps() { return CONSUMER_WARPS * (int)gridDim.x; }

// Stores h_0; block m stores row m.
DEV void embed(const Step& s)
{
    for (int m = blockIdx.x; m < s.rows; m += gridDim.x)
    {
        for (int i = threadIdx.x; i < HIDDEN; i += CONSUMERS)
        {
            float h = s.embedding[(size_t)s.token[m] * HIDDEN + i];
            s.residual[(size_t)m * HIDDEN + i] = h;
            s.normed[(size_t)m * HIDDEN + i] = h * s.layers[0].attention_norm[i];
        }
    }
}

// Computes 1 / root mean square of every row of the residual stream, one warp per row.
DEV void load_rstd(const Step& s, Shared& shared)
{
    for (int m = block_warp(); m < s.rows; m += CONSUMER_WARPS)
    {
        float sum = 0.0f;
        for (int i = block_lane() * 4; i < HIDDEN; i += 128)
        {
            float4 h = load_shared_f4(s.residual + (size_t)m * HIDDEN + i);
            sum = fmaf(h.x, h.x, fmaf(h.y, h.y, fmaf(h.z, h.z, fmaf(h.w, h.w, sum))));
        }
        sum = warp_sum(sum);
        if (block_lane() == 0) shared.rstd[m] = 1.0f / sqrtf(sum / HIDDEN + s.epsilon);
    }
    consumers_sync();
}

// Computes the outputs of a tile for eight rows of x [rows, K] from row m on; lane i < 8 gets those of row m + i.
DEV float4 multiply(const float* const (&weights)[TILE], const float* x, int K, int m, int rows)
{
    float sums[TILE][ROWS_AT_ONCE] = {};
    for (int k = block_lane() * 4; k < K; k += 128)
    {
        float4 w[TILE];
#pragma unroll
        for (int r = 0; r < TILE; r++) w[r] = load_shared_f4(weights[r] + k);
#pragma unroll
        for (int i = 0; i < ROWS_AT_ONCE; i++)
        {
            float4 v = load_shared_f4(x + (size_t)min(m + i, rows - 1) * K + k);
#pragma unroll
            for (int r = 0; r < TILE; r++)
            {
                sums[r][i] = fmaf(w[r].x, v.x, fmaf(w[r].y, v.y, fmaf(w[r].z, v.z, fmaf(w[r].w, v.w, sums[r][i]))));
            }
        }
    }
    float mine[TILE] = {};
#pragma unroll
    for (int i = 0; i < ROWS_AT_ONCE; i++)
#pragma unroll
        for (int r = 0; r < TILE; r++)
        {
            float sum = warp_sum(sums[r][i]);
            if (block_lane() == i) mine[r] = sum;
        }
    return make_float4(mine[0], mine[1], mine[2], mine[3]);
}

// Computes y = W x for all rows of x [rows, K], with four outputs per tile: the tile's weight rows are row_of(tile, 0 .. 3), and finish(m,
// tile, y) is called once for each row and tile.
template <typename RowOf, typename Finish>
DEV void product(const Step& s, const void* W, const float* x, int K, int tiles, RowOf row_of, Finish finish)
{
    for (int tile = grid_warp(); tile < tiles; tile += grid_warps())
    {
        const float* weights[TILE];
#pragma unroll
        for (int r = 0; r < TILE; r++) weights[r] = (const float*)W + (size_t)row_of(tile, r) * K;
        for (int m = 0; m < s.rows; m += ROWS_AT_ONCE)
        {
            float4 y = multiply(weights, x, K, m, s.rows);
            int mine = m + block_lane();
            if (block_lane() < ROWS_AT_ONCE && mine < s.rows) finish(mine, tile, y);
        }
    }
}

// Returns the address of a row's query, key or value head: queries are in s.query, keys and values at their position in the cache.
DEV float* head_values(const Step& s, int layer, int m, int position, int head)
{
    if (head < HEADS) return s.query + ((size_t)m * HEADS + head) * D;
    int kv = (head - HEADS) / KV_HEADS, page = s.page_table[(size_t)m * s.max_pages + position / PAGE];
    return (float*)(s.cache + cache_offset(page, layer, s.layer_count, kv, (head - HEADS) % KV_HEADS)) + position % PAGE * D;
}

// Rotates dimensions j and j + 1 of a head (low) with j + 64 and j + 65 (high).
DEV void rotate(const Step& s, int position, int j, float2& low, float2& high)
{
    const float2* turn = s.rope + (size_t)position * (D / 2) + j;
    float2 first = turn[0], second = turn[1], l = low, h = high;
    low = make_float2(l.x * first.x - h.x * first.y, l.y * second.x - h.y * second.y);
    high = make_float2(h.x * first.x + l.x * first.y, h.y * second.x + l.y * second.y);
}

// Writes queries to s.query, and keys and values to the cache. Rotates queries and keys unless norm_heads does so later. A tile is a
// head's dimensions j, j + 1, j + 64 and j + 65.
DEV void project_heads(const Step& s, Shared& shared, int layer)
{
    load_rstd(s, shared);
    auto row_of = [](int tile, int r) { return (tile >> 5) * D + (tile & 31) * 2 + (r & 1) + (r >> 1) * 64; };
    product(s, s.layers[layer].qkv, s.normed, HIDDEN, QKV_HEADS * 32, row_of, [&](int m, int tile, float4 y) {
        int head = tile >> 5, j = (tile & 31) * 2, position = shared.position[m];
        if (position < 0) return;
        float scale = shared.rstd[m];
        float2 low = make_float2(y.x * scale, y.y * scale), high = make_float2(y.z * scale, y.w * scale);
        if (!QK_NORM && head < ROTATED_HEADS) rotate(s, position, j, low, high);
        float* to = head_values(s, layer, m, position, head);
        *(float2*)(to + j) = low;
        *(float2*)(to + j + 64) = high;
    });
}

// Normalizes and rotates every query and key head in place, with one warp per head and four dimensions per lane.
DEV void norm_heads(const Step& s, const Shared& shared, int layer)
{
    for (int unit = grid_warp(); unit < s.rows * ROTATED_HEADS; unit += grid_warps())
    {
        int m = unit / ROTATED_HEADS, head = unit % ROTATED_HEADS, position = shared.position[m], j = block_lane() * 2;
        if (position < 0) continue;
        float* values = head_values(s, layer, m, position, head);
        const float* weight = s.head_norms + (size_t)layer * 2 * D + (head < HEADS ? 0 : D) + j;
        float2 low = load_shared_f2(values + j), high = load_shared_f2(values + j + 64);
        float sum = warp_sum(fmaf(low.x, low.x, fmaf(low.y, low.y, fmaf(high.x, high.x, high.y * high.y))));
        float rstd = 1.0f / sqrtf(sum / D + s.epsilon);
        low = make_float2(low.x * rstd * weight[0], low.y * rstd * weight[1]);
        high = make_float2(high.x * rstd * weight[64], high.y * rstd * weight[65]);
        rotate(s, position, j, low, high);
        *(float2*)(values + j) = low;
        *(float2*)(values + j + 64) = high;
    }
}

// Adds W x to the residual stream, and also stores the result multiplied by the next norm's weight.
DEV void add_product(const Step& s, const void* W, const float* x, int K, const float* next_norm)
{
    product(s, W, x, K, HIDDEN / TILE, [](int tile, int r) { return tile * TILE + r; }, [&](int m, int tile, float4 y) {
        float4 norm = *(const float4*)(next_norm + tile * TILE);
        float4* residual = (float4*)(s.residual + (size_t)m * HIDDEN) + tile;
        float4 h = load_shared_f4(residual);
        h = make_float4(h.x + y.x, h.y + y.y, h.z + y.z, h.w + y.w);
        *residual = h;
        *((float4*)(s.normed + (size_t)m * HIDDEN) + tile) = make_float4(h.x * norm.x, h.y * norm.y, h.z * norm.z, h.w * norm.w);
    });
}

DEV float silu(float v) { return v / (1.0f + expf(-v)); }

// Gate and up rows alternate: a tile has two of each.
DEV void gate_up(const Step& s, Shared& shared, int layer)
{
    load_rstd(s, shared);
    auto row_of = [](int tile, int r) { return tile * TILE + r; };
    product(s, s.layers[layer].gate_up, s.normed, HIDDEN, INTERMEDIATE / 2, row_of, [&](int m, int tile, float4 y) {
        float scale = shared.rstd[m];
        *(float2*)(s.mlp + (size_t)m * INTERMEDIATE + tile * 2) =
            make_float2(silu(y.x * scale) * (y.y * scale), silu(y.z * scale) * (y.w * scale));
    });
}

DEV void project_logits(const Step& s, Shared& shared)
{
    load_rstd(s, shared);
    auto row_of = [&](int tile, int r) { return s.head_start + min(tile * TILE + r, s.head_rows - 1); };
    product(s, s.head, s.normed, HIDDEN, (s.head_rows + TILE - 1) / TILE, row_of, [&](int m, int tile, float4 y) {
        const float values[TILE] = { y.x, y.y, y.z, y.w };
#pragma unroll
        for (int r = 0; r < TILE; r++)
        {
            if (tile * TILE + r < s.head_rows) s.logits[(size_t)m * s.head_rows + tile * TILE + r] = values[r] * shared.rstd[m];
        }
    });
}

// Returns the index of a split's sums for a row and query head in s.partial (in units of D) and in s.partial_stats.
DEV size_t partial_index(int m, int head, int split)
{
    return (((size_t)m * KV_HEADS + head / GROUP) * MAX_SPLITS + split) * GROUP + head % GROUP;
}

// Computes one split of a row and query head: unnormalized sums, the largest score and the sum of weights. A lane has four dimensions.
DEV void attend_split(const Step& s, const Shared& shared, int layer, int m, int head, int split, int pages)
{
    constexpr int AT_ONCE = 4;
    int lane = block_lane(), position = shared.position[m];
    float4 q = load_shared_f4(s.query + ((size_t)m * HEADS + head) * D + lane * 4), out = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    float top = -1e30f, sum = 0.0f;
    int end = min((split + 1) * pages * PAGE, position + 1);
    for (int t = split * pages * PAGE; t < end; t += AT_ONCE)
    {
        const u8* keys = s.cache + cache_offset(s.page_table[(size_t)m * s.max_pages + t / PAGE], layer, s.layer_count, 0, head / GROUP);
        const float* key = (const float*)keys + lane * 4;
        const float* value = (const float*)(keys + (size_t)KV_HEADS * BLOCK_BYTES) + lane * 4;
        float4 k[AT_ONCE], v[AT_ONCE];
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++)
        {
            int row = min(t + i, end - 1) % PAGE * D;
            k[i] = load_shared_f4(key + row);
            v[i] = load_shared_f4(value + row);
        }
        float score[AT_ONCE], best = top;
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++)
        {
            score[i] = warp_sum(fmaf(q.x, k[i].x, fmaf(q.y, k[i].y, fmaf(q.z, k[i].z, q.w * k[i].w)))) * 0.08838834764831845f;
            if (t + i < end) best = fmaxf(best, score[i]);
        }
        float fade = expf(top - best);
        top = best;
        sum *= fade;
        out = make_float4(out.x * fade, out.y * fade, out.z * fade, out.w * fade);
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++)
        {
            if (t + i >= end) break;
            float weight = expf(score[i] - top);
            sum += weight;
            out = make_float4(
                fmaf(weight, v[i].x, out.x), fmaf(weight, v[i].y, out.y), fmaf(weight, v[i].z, out.z), fmaf(weight, v[i].w, out.w));
        }
    }
    size_t index = partial_index(m, head, split);
    *(float4*)(s.partial + index * D + lane * 4) = out;
    if (lane == 0) s.partial_stats[index] = make_float2(top, sum);
}

DEV int splits_of(int position, int shift) { return position < 0 ? 0 : (position / PAGE + (1 << shift)) >> shift; }

DEV void attend(const Step& s, const Shared& shared, int layer)
{
    for (int unit = grid_warp(); unit < s.rows * HEADS * MAX_SPLITS; unit += grid_warps())
    {
        int m = unit % s.rows, head = unit / s.rows % HEADS, split = unit / s.rows / HEADS;
        int position = shared.position[m], shift = split_shift(position / PAGE + 1);
        if (split < splits_of(position, shift)) attend_split(s, shared, layer, m, head, split, 1 << shift);
    }
}

// Joins the splits of each row and query head in order.
DEV void join_splits(const Step& s, const Shared& shared)
{
    for (int unit = grid_warp(); unit < s.rows * HEADS; unit += grid_warps())
    {
        int m = unit / HEADS, head = unit % HEADS, position = shared.position[m];
        int splits = splits_of(position, split_shift(position / PAGE + 1));
        float4 out = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
        float top = -1e30f, sum = 0.0f;
        for (int split = 0; split < splits; split++) top = fmaxf(top, load_shared_f2(s.partial_stats + partial_index(m, head, split)).x);
        for (int split = 0; split < splits; split++)
        {
            size_t index = partial_index(m, head, split);
            float2 stats = load_shared_f2(s.partial_stats + index);
            float4 part = load_shared_f4(s.partial + index * D + block_lane() * 4);
            float weight = expf(stats.x - top);
            sum = fmaf(weight, stats.y, sum);
            out = make_float4(
                fmaf(weight, part.x, out.x), fmaf(weight, part.y, out.y), fmaf(weight, part.z, out.z), fmaf(weight, part.w, out.w));
        }
        if (splits > 0) out = make_float4(out.x / sum, out.y / sum, out.z / sum, out.w / sum);
        *(float4*)(s.attended + ((size_t)m * HEADS + head) * D + block_lane() * 4) = out;
    }
}

extern "C" __device__ const StepLayout step_layout = { CONSUMERS, 0, 0, 0, 0 };

extern "C" __global__ void __launch_bounds__(CONSUMERS, 1) decode_step(const __grid_constant__ Step s)
{
    __shared__ Shared shared;
    Grid grid(s.barrier);
    if (threadIdx.x < s.rows) shared.position[threadIdx.x] = s.active[threadIdx.x] ? s.position[threadIdx.x] : -1;
    embed(s);
    grid.sync();
    for (int layer = 0; layer < s.layer_count; layer++)
    {
        const Layer& weights = s.layers[layer];
        project_heads(s, shared, layer);
        grid.sync();
        if constexpr (QK_NORM)
        {
            norm_heads(s, shared, layer);
            grid.sync();
        }
        attend(s, shared, layer);
        grid.sync();
        join_splits(s, shared);
        grid.sync();
        add_product(s, weights.o, s.attended, HEADS * D, weights.mlp_norm);
        grid.sync();
        gate_up(s, shared, layer);
        grid.sync();
        add_product(s, weights.down, s.mlp, INTERMEDIATE, layer + 1 < s.layer_count ? s.layers[layer + 1].attention_norm : s.final_norm);
        grid.sync();
    }
    project_logits(s, shared);
    grid.leave();
}
