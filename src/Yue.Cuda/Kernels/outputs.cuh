// Converts the warps' sums of a batch of tiles to the outputs of a product: queries, keys and values, the residual stream and its squares,
// the inputs of the next product, logits.
#pragma once
#include "tiles.cuh"

constexpr int OUTPUTS = BATCH * ROWS * 8 / CONSUMERS;       // values of a batch of tiles that one thread finishes
constexpr int BATCHES = (MAX_GROUP + BATCH - 1) / BATCH;
constexpr int AHEAD = ROWS > 16 && WEIGHT != 0 && BATCHES > 2 ? 2 : BATCHES;   // batches whose memory operands are loaded in advance

// The values from memory that a thread needs to finish one output; loaded before the product, used after it.
struct Ahead
{
    float a, b;         // OUT, DOWN: the residual and the next norm's weight; QKV: cosine and sine
    float norm;         // QKV with QK_NORM: the weight of the head's norm
    float scale;        // the scale of the weight row, times SUM_SCALE
};

DEV bool adds_to_residual(const Product& p) { return p.kind == OUT || p.kind == DOWN; }

DEV Ahead load_ahead(const Step& s, const Shared& shared, const Product& p, const Operands& o, int tile, int m, int n)
{
    Ahead r = { 0.0f, 0.0f, 1.0f, SUM_SCALE };
    if (ROW_SCALES) r.scale *= o.scale[p.weight_row(tile, n)];
    if (m >= s.rows) return r;
    if (adds_to_residual(p))
    {
        r.a = load_shared_f(s.residual + (size_t)m * HIDDEN + tile * 8 + n);
        r.b = from_bf16(o.next_norm[tile * 8 + n]);
    }
    else if (p.kind == QKV && (tile >> 4) < ROTATED_HEADS)
    {
        int position = shared.position[m];
        float2 turn = s.rope[(size_t)(position < 0 ? 0 : position) * (D / 2) + (tile & 15) * 4 + (n & 3)];
        r.a = turn.x;
        r.b = turn.y;
        if (QK_NORM) r.norm = from_bf16(o.head_norms[((tile >> 4) < HEADS ? 0 : D) + (tile & 15) * 4 + (n & 3) + (n >> 2) * 64]);
    }
    return r;
}

// The functions below finish output n of a tile for row m from its sum. All lanes of a warp call them together, because partners exchange
// values by shuffle. Nothing is stored in global memory for rows after the last one.

// Returns the sum of the eight outputs of a tile; all of their lanes get it.
DEV float tile_sum(float v)
{
    v += __shfl_xor_sync(0xffffffffu, v, 1);
    v += __shfl_xor_sync(0xffffffffu, v, 2);
    v += __shfl_xor_sync(0xffffffffu, v, 4);
    return v;
}

// Rotates a query or key by its position and stores it, or stores a value. A head's norm consists of a weight per dimension, which is
// applied here, and 1 / root mean square, a factor of the whole head that commutes with the rotation. Attention applies the factor,
// using the partial sums of squares that the tiles store here (attention.cuh), so a norm needs no additional grid barrier.
DEV void finish_heads(const Step& s, const Shared& shared, int tile, int m, int n, float value, const Ahead& ahead)
{
    value *= shared.rstd[m];
    if constexpr (QK_NORM)
    {
        float square = tile_sum(value * value);
        if (n == 0 && m < s.rows && (tile >> 4) < ROTATED_HEADS) s.head_squares[(size_t)m * (ROTATED_HEADS * HEAD_TILES) + tile] = square;
        value *= ahead.norm;
    }
    float partner = __shfl_xor_sync(0xffffffffu, value, 4);
    int head = tile >> 4, high = n >> 2, d = (tile & 15) * 4 + (n & 3) + high * 64;
    if (head < ROTATED_HEADS) value = high ? value * ahead.a + partner * ahead.b : value * ahead.a - partner * ahead.b;
    if (m >= s.rows) return;
    if (head < HEADS) s.query[(size_t)m * (HEADS * D) + head * D + d] = to_bf16(value * QUERY_SCALE);
    else s.fresh[((size_t)m * 2 * KV_HEADS + head - HEADS) * D + d] = to_bf16(value);
}

// Adds to the residual stream, stores it multiplied by the next norm's weight, and sums its squares over the tile.
DEV void finish_residual(const Step& s, Shared& shared, int tile, int place, int m, int n, float value, const Ahead& ahead)
{
    int row = tile * 8 + n;
    float h = ahead.a + value;
    if (m < s.rows)
    {
        s.residual[(size_t)m * HIDDEN + row] = h;
        s.normed[x_index(m, row, HIDDEN)] = to_bf16(h * ahead.b * X_SCALE);
    }
    float square = tile_sum(h * h);
    if (n == 0) shared.tile_squares[place][m] = square;
}

// Stores silu(gate) * up. Gate and up rows alternate.
DEV void finish_gate_up(const Step& s, const Shared& shared, int tile, int m, int n, float value)
{
    value *= shared.rstd[m];
    float up = __shfl_xor_sync(0xffffffffu, value, 1);
    if (m < s.rows && (n & 1) == 0)
    {
        s.mlp[x_index(m, (tile * 8 + n) / 2, INTERMEDIATE)] = to_bf16(value / (1.0f + __expf(-value)) * up * X_SCALE);
    }
}

DEV void finish_logits(const Step& s, const Shared& shared, int tile, int m, int n, float value)
{
    if (HEAD_TERMS == 2) value += __shfl_xor_sync(0xffffffffu, value, 1);
    int row = (tile * 8 + n) / HEAD_TERMS;
    if (m < s.rows && row < s.head_rows && n % HEAD_TERMS == 0) s.logits[(size_t)m * s.head_rows + row] = value * shared.rstd[m];
}

// place: the tile's index in its batch.
DEV void finish(const Step& s, Shared& shared, const Product& p, int tile, int place, int m, int n, float value, const Ahead& ahead)
{
    if (WEIGHT != 0) value *= ahead.scale;
    switch (p.kind)
    {
        case QKV: finish_heads(s, shared, tile, m, n, value, ahead); break;
        case GATE_UP: finish_gate_up(s, shared, tile, m, n, value); break;
        case HEAD: finish_logits(s, shared, tile, m, n, value); break;
        default: finish_residual(s, shared, tile, place, m, n, value, ahead); break;
    }
}

// Computes 1 / root mean square of each row from the partial sums that the blocks stored in squares[parity]; finish() uses it after a
// barrier. A lane reads the sums of four blocks at a time, and all loads of a few rows are issued before the first wait.
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
                part[r][i] = m < s.rows && block < blocks
                    ? load_shared_f4(s.squares + ((size_t)parity * ROWS + m) * MAX_BLOCKS + block)
                    : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
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
            if (lane == 0 && first + r * CONSUMER_WARPS < s.rows)
            {
                shared.rstd[first + r * CONSUMER_WARPS] = rsqrtf(sum / HIDDEN + s.epsilon);
            }
        }
    }
}

// True if a product's x is normalized except for the factor 1 / root mean square.
DEV bool is_normed(const Product& p) { return p.kind == QKV || p.kind == GATE_UP || p.kind == HEAD; }

DEV void store_squares(const Step& s, const Shared& shared, int parity)
{
    consumers_sync();
    for (int m = threadIdx.x; m < s.rows; m += CONSUMERS)
    {
        s.squares[((size_t)parity * ROWS + m) * MAX_BLOCKS + blockIdx.x] = shared.squares[m];
    }
}

// Stores a warp's sums of a batch of tiles for the other warps.
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

// An output of a batch is defined by a tile's index, a row and a weight row of the tile. This is the i-th output of this thread.
struct Output
{
    int index, place, m, n;

    DEV explicit Output(int i) : index(threadIdx.x + i * CONSUMERS), place(index / (ROWS * 8)), m((index >> 3) % ROWS), n(index & 7) {}
};

DEV Ahead load_ahead(const Step& s, const Shared& shared, const Product& p, const Operands& o, int tile0, int batch, int n,
    const Output& output)
{
    int t = batch * BATCH + output.place;
    Ahead none = { 0.0f, 0.0f, 0.0f, 0.0f };
    return t < n ? load_ahead(s, shared, p, o, tile0 + t * (int)gridDim.x, output.m, output.n) : none;
}

// Adds the sums of all warps in order and finishes the output.
DEV void finish(const Step& s, Shared& shared, const Ring& ring, const Product& p, int tile0, int batch, int n, const Output& output,
    Ahead ahead)
{
    int t = batch * BATCH + output.place;
    if (t >= n) return;
    float value = 0.0f;
#pragma unroll
    for (int w = 0; w < CONSUMER_WARPS; w++) value += ring.sums[w * (BATCH * ROWS * 8) + output.index];
    finish(s, shared, p, tile0 + t * (int)gridDim.x, output.place, output.m, output.n, value, ahead);
}

// Adds the tiles' squares in tile order, so that the sum does not depend on the batch's size.
DEV void add_squares(Shared& shared, const Product& p, int batch, int n)
{
    if (!adds_to_residual(p) || threadIdx.x >= ROWS) return;
    float square = shared.squares[threadIdx.x];
    for (int place = 0; place < BATCH && batch * BATCH + place < n; place++) square += shared.tile_squares[place][threadIdx.x];
    shared.squares[threadIdx.x] = square;
}

// Finishes a group with staged x. A batch has many tiles, so the operands of each output are loaded here, and each kind of product has
// separate code.
template <int KIND>
DEV void finish_group(const Step& s, Shared& shared, const Ring& ring, Product p, const Operands& o, int tile0, int n, const Sums& sums)
{
    p.kind = KIND;
#pragma unroll
    for (int batch = 0; batch < BATCHES; batch++)
    {
        if (batch * BATCH >= n) break;
        put_sums(ring, sums, batch, n);
        Ahead ahead[OUTPUTS];
#pragma unroll
        for (int i = 0; i < OUTPUTS; i++) ahead[i] = load_ahead(s, shared, p, o, tile0, batch, n, Output(i));
        consumers_sync();
#pragma unroll
        for (int i = 0; i < OUTPUTS; i++) finish(s, shared, ring, p, tile0, batch, n, Output(i), ahead[i]);
        consumers_sync();
        add_squares(shared, p, batch, n);
    }
}
