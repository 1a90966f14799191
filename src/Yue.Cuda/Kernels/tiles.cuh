// The products of a layer and their tiles: the weight rows of a tile, the tiles of a block, and how they are loaded into the ring.
#pragma once
#include "model.cuh"

// The maximum number of tiles for which x is read once; more sums would not fit into registers.
constexpr int MAX_GROUP = X_STAGED ? (YUE_OWN_REGISTERS ? 384 : 256) / ROWS / 2 * 2
    : ROWS == 80 ? 2 : ROWS == 64 ? (WEIGHT == 0 ? 4 : 2) : ROWS == 16 ? 12 : 8;

typedef float Sums[MAX_GROUP / 2][OCTETS][4];               // of a pair of tiles: weight rows g of both, rows 2 c and 2 c + 1 of an octet

enum { QKV, OUT, GATE_UP, DOWN, HEAD };

constexpr int HEAD_TERMS = GROUPED ? 2 : 1;                 // weight rows whose sum is a row of the head

// One of a layer's products, or the head. A run-time record allows one copy of the multiplication code for all five: five unrolled copies
// took 220 KB, and fetching them in each phase cost more than the constants saved. Only finish_group has one copy per kind.
struct Product
{
    int kind, k, chunks, tiles, row_limit;
    u32 row_bytes;

    DEV explicit Product(int kind, int head_rows) : kind(kind)
    {
        k = kind == OUT ? HEADS * D : kind == DOWN ? INTERMEDIATE : HIDDEN;
        row_bytes = row_bytes_of(k);
        chunks = (int)((row_bytes + SEGMENT - 1) / SEGMENT);
        row_limit = kind == QKV ? QKV_HEADS * D : kind == GATE_UP ? 2 * INTERMEDIATE : kind == HEAD ? head_rows * HEAD_TERMS : HIDDEN;
        tiles = (row_limit + 7) / 8;
    }

    DEV static u32 row_bytes_of(int k) { return (u32)(k + UNIT_K - 1) / UNIT_K * UNIT_BYTES; }

    // Returns the weight row of row i of a tile. q, k, v tiles pair rows j and j + 64 of a head, which RoPE rotates together.
    DEV int weight_row(int tile, int i) const
    {
        return kind == QKV ? (tile >> 4) * D + (tile & 15) * 4 + (i & 3) + (i >> 2) * 64 : min(tile * 8 + i, row_limit - 1);
    }

    DEV u32 chunk_bytes(int chunk) const { return min(row_bytes - (u32)chunk * SEGMENT, (u32)SEGMENT); }
};

// The operands of a product, and the norm weights that its result is multiplied by for the next product (null if there is none).
struct Operands
{
    const void* weights;
    const float* scale;             // per weight row; only with ROW_SCALES
    const bf16* x;
    const bf16* next_norm;
    const bf16* head_norms;         // QKV with QK_NORM: [2, D]
};

// Returns the operands of a layer's product, or of the head.
DEV Operands operands(const Step& s, int kind, int index)
{
    const Layer& layer = s.layers[index];
    switch (kind)
    {
        case QKV: return { layer.qkv, layer.qkv_scale, s.normed, nullptr, QK_NORM ? s.head_norms + (size_t)index * 2 * D : nullptr };
        case OUT: return { layer.o, layer.o_scale, s.attended, layer.mlp_norm, nullptr };
        case GATE_UP: return { layer.gate_up, layer.gate_up_scale, s.normed, nullptr, nullptr };
        case DOWN:
            return {
                layer.down, layer.down_scale, s.mlp,
                index + 1 < s.layer_count ? s.layers[index + 1].attention_norm : s.final_norm, nullptr };
        default:
            return {
                (const u8*)s.head + (size_t)s.head_start * HEAD_TERMS * Product::row_bytes_of(HIDDEN), s.head_scale + s.head_start,
                s.normed, nullptr, nullptr };
    }
}

// The tiles of a block in groups of nearly equal size. The producers and the consumers process them in the same order.
struct Groups
{
    int count, size, larger;

    DEV explicit Groups(int tiles)
    {
        count = (tiles + MAX_GROUP - 1) / MAX_GROUP;
        size = count ? (int)((u32)tiles / (u32)count) : 0;
        larger = tiles - size * count;
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
                fill_slot<8>(ring, at, bytes, SEGMENT_PITCH, policy,
                    [&](int i) { return from + (size_t)p.weight_row(tile, i) * p.row_bytes; });
            }
        }
        tile0 += n * (int)gridDim.x;
    }
}
