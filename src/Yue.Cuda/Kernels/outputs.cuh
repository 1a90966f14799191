// From the warps' sums of a batch of tiles to what a product leaves in memory: queries, keys and values, the residual stream and its
// squares, the inputs of the next product, logits.
#pragma once
#include "tiles.cuh"

constexpr int OUTPUTS = BATCH * ROWS * 8 / CONSUMERS;       // values of a batch of tiles that one thread finishes
constexpr int BATCHES = (MAX_GROUP + BATCH - 1) / BATCH;
constexpr int AHEAD = ROWS > 16 && WEIGHT != 0 && BATCHES > 2 ? 2 : BATCHES;   // batches whose memory operands are asked for ahead

// What a thread needs from memory to finish its outputs; asked for before the product, used after it.
struct Ahead { float a, b, scale; };

DEV Ahead load_ahead(const Step& s, const Shared& shared, const Product& p, const bf16* next_norm, const float* scale, int tile, int m, int n)
{
    const int KIND = p.kind;
    Ahead r = { 0.0f, 0.0f, SUM_SCALE };
    if (WEIGHT != 0) r.scale *= scale[p.weight_row(tile, n)];
    if (m < s.rows)
    {
        if (KIND == OUT || KIND == DOWN)
        {
            r.a = load_shared_f(s.residual + (size_t)m * HIDDEN + tile * 8 + n);
            r.b = from_bf16(next_norm[tile * 8 + n]);
        }
        else if (KIND == QKV && (tile >> 4) < HEADS + KV_HEADS)
        {
            int position = shared.position[m];
            float2 turn = s.rope[(size_t)(position < 0 ? 0 : position) * (D / 2) + (tile & 15) * 4 + (n & 3)];
            r.a = turn.x;
            r.b = turn.y;
        }
    }
    return r;
}

// One output of a tile, the place-th of its batch. All lanes of the warp come here together: partners meet by shuffle.
DEV void finish(const Step& s, Shared& shared, const Product& p, int tile, int place, int m, int n, float value, Ahead ahead)
{
    const int KIND = p.kind;
    int row = KIND == QKV ? p.weight_row(tile, n) : tile * 8 + n;
    if (WEIGHT != 0) value *= ahead.scale;
    bool live = m < s.rows;
    if (KIND == QKV)
    {
        value *= shared.rstd[m];
        float partner = __shfl_xor_sync(0xffffffffu, value, 4);
        int head = tile >> 4, high = n >> 2, d = (tile & 15) * 4 + (n & 3) + high * 64;
        if (head < HEADS + KV_HEADS) value = high ? value * ahead.a + partner * ahead.b : value * ahead.a - partner * ahead.b;
        if (live && head < HEADS) s.query[(size_t)m * (HEADS * D) + head * D + d] = to_bf16(value * QUERY_SCALE);
        else if (live) s.fresh[((size_t)m * 2 * KV_HEADS + head - HEADS) * D + d] = to_bf16(value);
    }
    else if (KIND == OUT || KIND == DOWN)
    {
        float h = ahead.a + value;
        if (live)
        {
            s.residual[(size_t)m * HIDDEN + row] = h;
            s.normed[x_index(m, row, HIDDEN)] = to_bf16(h * ahead.b * X_SCALE);
        }
        float square = h * h;
        square += __shfl_xor_sync(0xffffffffu, square, 1);
        square += __shfl_xor_sync(0xffffffffu, square, 2);
        square += __shfl_xor_sync(0xffffffffu, square, 4);
        if (n == 0) shared.tile_squares[place][m] = square;
    }
    else if (KIND == GATE_UP)
    {
        value *= shared.rstd[m];
        float up = __shfl_xor_sync(0xffffffffu, value, 1);
        if (live && (n & 1) == 0) s.mlp[x_index(m, row / 2, INTERMEDIATE)] = to_bf16(value / (1.0f + __expf(-value)) * up * X_SCALE);
    }
    else if (live && row < s.head_rows) s.logits[(size_t)m * s.head_rows + row] = value * shared.rstd[m];
}

// 1 / root mean square of each row, from the shares that the blocks left in squares[parity]; finish() uses it after a barrier. A lane takes
// four blocks' at a time, and all loads of a few rows are on their way before the first is waited for.
DEV void load_rstd(const Step& s, Shared& shared, int parity)
{
    constexpr int AT_ONCE = ROWS <= CONSUMER_WARPS ? 1 : X_STAGED ? 5 : 2, LOADS = MAX_BLOCKS / 128;
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, blocks = (int)gridDim.x;
#pragma unroll 1
    for (int first = warp; first < s.rows; first += AT_ONCE * CONSUMER_WARPS)
    {
        float4 part[AT_ONCE][LOADS];
#pragma unroll
        for (int r = 0; r < AT_ONCE; r++)
#pragma unroll
            for (int i = 0; i < LOADS; i++)
            {
                int m = first + r * CONSUMER_WARPS, block = i * 128 + lane * 4;
                part[r][i] = m < s.rows && block < blocks ? load_shared_f4(s.squares + ((size_t)parity * ROWS + m) * MAX_BLOCKS + block) : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
            }
#pragma unroll
        for (int r = 0; r < AT_ONCE; r++)
        {
            float sum = 0.0f;
#pragma unroll
            for (int i = 0; i < LOADS; i++)
            {
                int block = i * 128 + lane * 4;
                const float4& v = part[r][i];
                sum += v.x + (block + 1 < blocks ? v.y : 0.0f) + (block + 2 < blocks ? v.z : 0.0f) + (block + 3 < blocks ? v.w : 0.0f);
            }
            sum = warp_sum(sum);
            if (lane == 0 && first + r * CONSUMER_WARPS < s.rows) shared.rstd[first + r * CONSUMER_WARPS] = rsqrtf(sum / HIDDEN + s.epsilon);
        }
    }
}

// Whether a product's x is normed but for the factor 1 / root mean square.
DEV bool is_normed(const Product& p) { return p.kind == QKV || p.kind == GATE_UP || p.kind == HEAD; }

DEV void store_squares(const Step& s, const Shared& shared, int parity)
{
    consumers_sync();
    for (int m = threadIdx.x; m < s.rows; m += CONSUMERS)
    {
        s.squares[((size_t)parity * ROWS + m) * MAX_BLOCKS + blockIdx.x] = shared.squares[m];
    }
}

// A warp's sums of a batch of tiles to where the other warps find them.
DEV void put_sums(const Ring& ring, const Sums& sums, int batch, int n)
{
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, c = lane & 3;
#pragma unroll
    for (int place = 0; place < BATCH; place++)
    {
        int t = batch * BATCH + place;
        if (t < MAX_GROUP && t < n)
        {
            float* mine = ring.sums + (warp * BATCH + place) * (ROWS * 8);
#pragma unroll
            for (int o = 0; o < OCTETS; o++)
            {
                mine[(o * 8 + c * 2) * 8 + g] = sums[t / 2][o][t % 2 * 2];
                mine[(o * 8 + c * 2 + 1) * 8 + g] = sums[t / 2][o][t % 2 * 2 + 1];
            }
        }
    }
}

// An output of a batch is a tile's place, a row and a weight row of the tile; the i-th of this thread.
struct Output
{
    int index, place, m, n;

    DEV explicit Output(int i) : index(threadIdx.x + i * CONSUMERS), place(index / (ROWS * 8)), m((index >> 3) % ROWS), n(index & 7) {}
};

DEV Ahead load_ahead(const Step& s, const Shared& shared, const Product& p, const bf16* next_norm, const float* scale, int tile0, int batch, int n, const Output& output)
{
    int t = batch * BATCH + output.place;
    Ahead none = { 0.0f, 0.0f, 0.0f };
    return t < n ? load_ahead(s, shared, p, next_norm, scale, tile0 + t * (int)gridDim.x, output.m, output.n) : none;
}

// The sum of all warps, in their order, made an output.
DEV void finish(const Step& s, Shared& shared, const Ring& ring, const Product& p, int tile0, int batch, int n, const Output& output, Ahead ahead)
{
    int t = batch * BATCH + output.place;
    if (t >= n) return;
    float value = 0.0f;
#pragma unroll
    for (int w = 0; w < CONSUMER_WARPS; w++) value += ring.sums[w * (BATCH * ROWS * 8) + output.index];
    finish(s, shared, p, tile0 + t * (int)gridDim.x, output.place, output.m, output.n, value, ahead);
}

// In order of tiles, so that the sum does not depend on the batch's size.
DEV void add_squares(Shared& shared, const Product& p, int batch, int n)
{
    if ((p.kind != OUT && p.kind != DOWN) || threadIdx.x >= ROWS) return;
    float square = shared.squares[threadIdx.x];
    for (int place = 0; place < BATCH && batch * BATCH + place < n; place++) square += shared.tile_squares[place][threadIdx.x];
    shared.squares[threadIdx.x] = square;
}

// A group whose x was staged: a batch is many tiles, so what each output needs is loaded now, and the code is the kind's own.
template <int KIND>
DEV void finish_group(const Step& s, Shared& shared, const Ring& ring, Product p, const bf16* next_norm, const float* scale, int tile0, int n, const Sums& sums)
{
    p.kind = KIND;
#pragma unroll
    for (int batch = 0; batch < BATCHES; batch++)
    {
        if (batch * BATCH >= n) break;
        put_sums(ring, sums, batch, n);
        Ahead ahead[OUTPUTS];
#pragma unroll
        for (int i = 0; i < OUTPUTS; i++) ahead[i] = load_ahead(s, shared, p, next_norm, scale, tile0, batch, n, Output(i));
        consumers_sync();
#pragma unroll
        for (int i = 0; i < OUTPUTS; i++) finish(s, shared, ring, p, tile0, batch, n, Output(i), ahead[i]);
        consumers_sync();
        add_squares(shared, p, batch, n);
    }
}
