// y[m][n] = sum_k W[n][k] * x[m][k] for the rows m of all songs, and what each product of a layer does with y.
//
// A tile is eight weight rows; two tiles are the 16-row operand of mma m16n8k16, eight songs' rows the 8-column one, so that one to
// eight rows waste nothing (16 weight rows a tile would deal stage 1's 320 q, k, v tiles to 132 multiprocessors as 3 and 2; eight
// deal 5 and 4). A slot holds 1 KiB (or 2) of each of a tile's rows; warp w multiplies bytes 128w..128w+127 of each KiB. k is summed
// in any order, so lane c of four takes 16 consecutive bytes of a weight row and the same k of x. x comes from L2 straight to
// registers, one chunk ahead, and is used for up to MAX_GROUP tiles. The eight warps' sums are added in warp order: a row's bits do
// not depend on other rows, on which block computed it, or on ROWS.
#pragma once
#include "model.cuh"

constexpr int OCTETS = ROWS / 8;
constexpr int MAX_GROUP = ROWS == 64 ? (WEIGHT == 0 ? 4 : 2) : ROWS == 16 ? 12 : 8;   // x is read once for so many; more sums would not stay in registers
constexpr int CHUNK = SEGMENT / WEIGHT_BYTES;               // k values of a slot
constexpr int PART_K = 1024 / WEIGHT_BYTES;                 // k values of a KiB
constexpr int WARP_K = 128 / WEIGHT_BYTES;                  // k values of a warp in a KiB
constexpr int X_LOADS = 2 / WEIGHT_BYTES;                   // 16-byte loads of x for 16 bytes of weights
constexpr int OUTPUTS = BATCH * ROWS * 8 / CONSUMERS;       // values of a batch of tiles that one thread finishes
constexpr int BATCHES = (MAX_GROUP + BATCH - 1) / BATCH;
constexpr int AHEAD = ROWS > 16 && WEIGHT != 0 && BATCHES > 2 ? 2 : BATCHES;   // batches whose memory operands are asked for ahead

enum { QKV, OUT, GATE_UP, DOWN, HEAD };

// One of a layer's products, or the head. A run-time record and one copy of the code for all five: five copies, unrolled,
// took 220 KB, and fetching them anew in each phase cost more than the constants saved.
struct Product
{
    int kind, k, chunks, tiles, row_limit;
    u32 row_bytes;

    DEV explicit Product(int kind, int head_rows) : kind(kind)
    {
        k = kind == OUT ? HEADS * D : kind == DOWN ? INTERMEDIATE : HIDDEN;
        row_bytes = (u32)k * WEIGHT_BYTES;
        chunks = (int)((row_bytes + SEGMENT - 1) / SEGMENT);
        row_limit = kind == QKV ? QKV_HEADS * D : kind == GATE_UP ? 2 * INTERMEDIATE : kind == HEAD ? head_rows : HIDDEN;
        tiles = (row_limit + 7) / 8;
    }

    // The weight row behind row i of a tile. q, k, v tiles pair rows j and j + 64 of a head, which RoPE rotates together.
    DEV int weight_row(int tile, int i) const
    {
        return kind == QKV ? (tile >> 4) * D + (tile & 15) * 4 + (i & 3) + (i >> 2) * 64 : min(tile * 8 + i, row_limit - 1);
    }

    DEV u32 chunk_bytes(int chunk) const { return min(row_bytes - (u32)chunk * SEGMENT, (u32)SEGMENT); }
};

// The tiles of a block in groups of nearly equal size; the producer and the consumers walk them alike.
struct Groups
{
    int count, size, larger;

    DEV explicit Groups(int tiles)
    {
        count = (tiles + MAX_GROUP - 1) / MAX_GROUP;
        size = count ? tiles / count : 0;
        larger = count ? tiles % count : 0;
    }

    DEV int tiles(int group) const { return size + (group < larger ? 1 : 0); }
};

DEV void produce(const Ring& ring, Front& at, u64 policy, const Product& p, const void* weights, int offset)
{
    Deal deal(p.tiles, offset);
    Groups groups(deal.count);
    int tile0 = deal.first;
#pragma unroll 1
    for (int group = 0; group < groups.count; group++)
    {
        int n = groups.tiles(group);
#pragma unroll 1
        for (int chunk = 0; chunk < p.chunks; chunk++)
        {
            u32 bytes = p.chunk_bytes(chunk);
#pragma unroll 1
            for (int t = 0; t < n; t++)
            {
                int tile = tile0 + t * (int)gridDim.x;
                const u8* from = (const u8*)weights + (size_t)chunk * SEGMENT;
                fill_slot<8>(ring, at, bytes, SEGMENT_PITCH, policy, [&](int i) { return from + (size_t)p.weight_row(tile, i) * p.row_bytes; });
            }
        }
        tile0 += n * (int)gridDim.x;
    }
}

// 16 bytes of weights as pairs of bf16: 4 registers for bf16, 8 for 8-bit values, whose bits are put in bf16's place as they are:
// an int8's seven bits are then a subnormal number, the value times 2^-133, and an e4m3's the value times 2^-120. Tensor cores take
// both exactly; x comes times X_SCALE and a sum goes out times SUM_SCALE, so that no product is subnormal.
DEV void widen(const uint4& w, u32 (&a)[4 * X_LOADS])
{
    const u32 in[4] = { w.x, w.y, w.z, w.w };
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
#if WEIGHT == 0
        a[i] = in[i];
#elif WEIGHT == 1
        a[2 * i] = __byte_perm(in[i], 0, 0x1100) & 0x807f807fu;
        a[2 * i + 1] = __byte_perm(in[i], 0, 0x3322) & 0x807f807fu;
#else
        widen_e4m3(in[i], a[2 * i], a[2 * i + 1]);
#endif
    }
}

typedef uint4 XChunk[2 * PARTS][X_LOADS][OCTETS];
constexpr bool X_AHEAD = sizeof(XChunk) <= 128;             // one chunk ahead, where two stay in registers

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
DEV void finish(const Step& s, Shared& shared, const Product& p, int layer, int tile, int place, int m, int n, float value, Ahead ahead)
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
            s.normed[(size_t)m * HIDDEN + row] = to_bf16(h * ahead.b * X_SCALE);
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
        if (live && (n & 1) == 0) s.mlp[(size_t)m * INTERMEDIATE + row / 2] = to_bf16(value / (1.0f + __expf(-value)) * up * X_SCALE);
    }
    else if (live && row < s.head_rows) s.logits[(size_t)m * s.head_rows + row] = value * shared.rstd[m];
}

// 1 / root mean square of each row, from the shares that the blocks left in squares[parity]; finish() uses it after a barrier. All
// loads of up to two rows are on their way before the first is waited for.
DEV void load_rstd(const Step& s, Shared& shared, int parity)
{
    constexpr int AT_ONCE = ROWS <= CONSUMER_WARPS ? 1 : 2;
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
#pragma unroll 1
    for (int first = warp; first < s.rows; first += AT_ONCE * CONSUMER_WARPS)
    {
        float part[AT_ONCE][MAX_BLOCKS / 32];
#pragma unroll
        for (int r = 0; r < AT_ONCE; r++)
#pragma unroll
            for (int i = 0; i < MAX_BLOCKS / 32; i++)
            {
                int m = first + r * CONSUMER_WARPS, block = i * 32 + lane;
                part[r][i] = m < s.rows && block < (int)gridDim.x ? load_shared_f(s.squares + ((size_t)parity * ROWS + m) * MAX_BLOCKS + block) : 0.0f;
            }
#pragma unroll
        for (int r = 0; r < AT_ONCE; r++)
        {
            float sum = 0.0f;
#pragma unroll
            for (int i = 0; i < MAX_BLOCKS / 32; i++) sum += part[r][i];
#pragma unroll
            for (int x = 16; x; x >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, x);
            if (lane == 0 && first + r * CONSUMER_WARPS < s.rows) shared.rstd[first + r * CONSUMER_WARPS] = rsqrtf(sum / HIDDEN + s.epsilon);
        }
    }
}

DEV void store_squares(const Step& s, const Shared& shared, int parity)
{
    consumers_sync();
    for (int m = threadIdx.x; m < s.rows; m += CONSUMERS)
    {
        s.squares[((size_t)parity * ROWS + m) * MAX_BLOCKS + blockIdx.x] = shared.squares[m];
    }
}

DEV void consume(const Step& s, Shared& shared, const Ring& ring, Cursor& at, const Product& p, const bf16* x_source, const bf16* next_norm,
    const float* scale, int layer, int offset, int phase)
{
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, c = lane & 3;
    Deal deal(p.tiles, offset);
    Groups groups(deal.count);
    int tile0 = deal.first;
    if (WEIGHT == 0) enter_phase(ring, phase);     // 8-bit weights: later, while their ring, full for longer, still drains
    u32 inside = (u32)g * SEGMENT_PITCH + (u32)warp * 128u + (u32)c * 16u;
#pragma unroll 1
    for (int group = 0; group < groups.count; group++)
    {
        int n = groups.tiles(group);
        float sums[MAX_GROUP / 2][OCTETS][4];   // weight rows g of both tiles, songs 2 c and 2 c + 1
        Ahead ahead[AHEAD][OUTPUTS];
        auto load_batch = [&](int batch) {
#pragma unroll
            for (int i = 0; i < OUTPUTS; i++)
            {
                int output = threadIdx.x + i * CONSUMERS, t = batch * BATCH + output / (ROWS * 8);
                if (t < n) ahead[batch % AHEAD][i] = load_ahead(s, shared, p, next_norm, scale, tile0 + t * (int)gridDim.x, (output >> 3) % ROWS, output & 7);
            }
        };
        XChunk x;
        load_x(x, x_source, 0, s.rows, p.k);
        if (group == 0 && (p.kind == QKV || p.kind == GATE_UP || p.kind == HEAD)) load_rstd(s, shared, p.kind == GATE_UP ? 1 : 0);
#pragma unroll
        for (int t = 0; t < MAX_GROUP / 2; t++)
#pragma unroll
            for (int o = 0; o < OCTETS; o++) sums[t][o][0] = sums[t][o][1] = sums[t][o][2] = sums[t][o][3] = 0.0f;
#pragma unroll
        for (int batch = 0; batch < AHEAD; batch++) load_batch(batch);

#pragma unroll 1
        for (int chunk = 0; chunk < p.chunks; chunk++)
        {
            u32 bytes = p.chunk_bytes(chunk);
            XChunk next;
            if (X_AHEAD && chunk + 1 < p.chunks) load_x(next, x_source, chunk + 1, s.rows, p.k);
            // Two tiles at a time. Of an odd number the last is multiplied twice, and the second result left.
#pragma unroll
            for (int t = 0; t < MAX_GROUP; t += 2)
            {
                if (t < n)
                {
                    Cursor second = at;
                    second.advance(ring);
                    bool both = t + 1 < n;
                    barrier_wait(at.full(ring), at.phase);
                    if (both) barrier_wait(second.full(ring), second.phase);
                    u32 address0 = at.data(ring) + inside, address1 = both ? second.data(ring) + inside : address0;
#pragma unroll
                    for (int part = 0; part < PARTS; part++)
                    {
                        if ((u32)(part * 1024 + warp * 128) >= bytes) break;
#pragma unroll
                        for (int h = 0; h < 2; h++)
                        {
                            const int half = 2 * part + h;
                            u32 a0[4 * X_LOADS], a1[4 * X_LOADS];
                            widen(lds128(address0 + part * 1024 + h * 64), a0);
                            widen(lds128(address1 + part * 1024 + h * 64), a1);
#pragma unroll
                            for (int i = 0; i < X_LOADS; i++)
#pragma unroll
                                for (int o = 0; o < OCTETS; o++)
                                {
                                    const uint4& b = x[half][i][o];
                                    mma_bf16(sums[t / 2][o], a0[4 * i], a1[4 * i], a0[4 * i + 1], a1[4 * i + 1], b.x, b.y);
                                    mma_bf16(sums[t / 2][o], a0[4 * i + 2], a1[4 * i + 2], a0[4 * i + 3], a1[4 * i + 3], b.z, b.w);
                                }
                        }
                    }
                    __syncwarp();
                    if (lane == 0)
                    {
                        barrier_arrive(at.empty(ring));
                        if (both) barrier_arrive(second.empty(ring));
                    }
                    at.advance(ring);
                    if (both) at.advance(ring);
                }
            }
            if (WEIGHT != 0 && group == 0 && chunk == 0) enter_phase(ring, phase);
            if (!X_AHEAD && chunk + 1 < p.chunks) load_x(x, x_source, chunk + 1, s.rows, p.k);
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

#pragma unroll
        for (int batch = 0; batch < BATCHES; batch++)
        {
            if (batch * BATCH >= n) break;
#pragma unroll
            for (int place = 0; place < BATCH; place++)
            {
                int t = batch * BATCH + place;
                if (t < MAX_GROUP && t < n)
                {
                    float* mine = shared.sums[warp][place];
#pragma unroll
                    for (int o = 0; o < OCTETS; o++)
                    {
                        mine[(o * 8 + c * 2) * 8 + g] = sums[t / 2][o][t % 2 * 2];
                        mine[(o * 8 + c * 2 + 1) * 8 + g] = sums[t / 2][o][t % 2 * 2 + 1];
                    }
                }
            }
            consumers_sync();
#pragma unroll
            for (int i = 0; i < OUTPUTS; i++)
            {
                int output = threadIdx.x + i * CONSUMERS, place = output / (ROWS * 8), t = batch * BATCH + place;
                if (t < n)
                {
                    float value = 0.0f;
#pragma unroll
                    for (int w = 0; w < CONSUMER_WARPS; w++) value += shared.sums[w][0][output];
                    finish(s, shared, p, layer, tile0 + t * (int)gridDim.x, place, (output >> 3) % ROWS, output & 7, value, ahead[batch % AHEAD][i]);
                }
            }
            if (batch + AHEAD < BATCHES) load_batch(batch + AHEAD);
            consumers_sync();
            if (p.kind == OUT || p.kind == DOWN)
            {
                // In order of tiles, so that the sum does not depend on the batch's size.
                if (threadIdx.x < ROWS)
                {
                    float square = shared.squares[threadIdx.x];
                    for (int place = 0; place < BATCH && batch * BATCH + place < n; place++) square += shared.tile_squares[place][threadIdx.x];
                    shared.squares[threadIdx.x] = square;
                }
            }
        }
        tile0 += n * (int)gridDim.x;
    }
}
