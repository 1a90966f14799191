// y[m][n] = sum_k W[n][k] * x[m][k] for the rows m of all songs, and how each product of a layer uses y.
//
// A tile is eight weight rows; two tiles are the 16-row operand of mma m16n8k16, and eight rows of x are the 8-column operand, so that one
// to eight rows waste nothing (with 16 weight rows per tile, each of 132 multiprocessors would get 3 or 2 of stage 1's 320 q, k, v tiles;
// with eight, each gets 5 or 4 of 640). A slot holds eight units (or 16) of each of a tile's rows; warp w multiplies unit w of eight. The
// order of k in the sum does not matter, so lane c of four reads 16 consecutive bytes of a weight row and the same k of x. x is loaded from
// L2 directly to registers, one chunk ahead, or with 32 rows or more through shared memory (staged_x.cuh), and is used for up to MAX_GROUP
// tiles. The eight warps' sums are added in warp order: a row's bits do not depend on other rows, on which block computed it, or on ROWS.
#pragma once
#include "multiply.cuh"
#include "outputs.cuh"

// The consumers' part of a product with staged x, where a batch of outputs has many tiles.
DEV void consume_staged(const Step& s, Shared& shared, const Ring& ring, Cursor& at, const Product& p, const Operands& o, int offset,
    int phase)
{
    Deal deal(p.tiles, offset);
    Groups groups(deal.count);
    int tile0 = deal.first;
    if (WEIGHT == 0) enter_phase(ring, phase);
#pragma unroll 1
    for (int group = 0; group < groups.count; group++)
    {
        int n = groups.tiles(group);
        Sums sums;
        StagedX staged(ring, o.x);
        if (group == 0 && is_normed(p)) load_rstd(s, shared, p.kind == GATE_UP ? 1 : 0);
        multiply_staged_group(ring, at, p, staged, n, group == 0, phase, sums);
        switch (p.kind)
        {
            case QKV: finish_group<QKV>(s, shared, ring, p, o, tile0, n, sums); break;
            case OUT: finish_group<OUT>(s, shared, ring, p, o, tile0, n, sums); break;
            case GATE_UP: finish_group<GATE_UP>(s, shared, ring, p, o, tile0, n, sums); break;
            case DOWN: finish_group<DOWN>(s, shared, ring, p, o, tile0, n, sums); break;
            default: finish_group<HEAD>(s, shared, ring, p, o, tile0, n, sums); break;
        }
        tile0 += n * (int)gridDim.x;
    }
}

// The consumers' part with x in registers, with smaller batches whose memory operands are loaded before the product.
DEV void consume(const Step& s, Shared& shared, const Ring& ring, Cursor& at, const Product& p, const Operands& o, int offset, int phase)
{
    Deal deal(p.tiles, offset);
    Groups groups(deal.count);
    int tile0 = deal.first;
    if (WEIGHT == 0) enter_phase(ring, phase);     // otherwise multiply does so, later: the ring then stays full for longer
#pragma unroll 1
    for (int group = 0; group < groups.count; group++)
    {
        int n = groups.tiles(group);
        Sums sums;
        Ahead ahead[AHEAD][OUTPUTS];
        auto load_batch = [&](int batch) {
#pragma unroll
            for (int i = 0; i < OUTPUTS; i++) ahead[batch % AHEAD][i] = load_ahead(s, shared, p, o, tile0, batch, n, Output(i));
        };
        XChunk x;
        load_x(x, o.x, 0, s.rows, p.k);
        if (group == 0 && is_normed(p)) load_rstd(s, shared, p.kind == GATE_UP ? 1 : 0);
#pragma unroll
        for (int batch = 0; batch < AHEAD; batch++) load_batch(batch);
        multiply(ring, at, p, o.x, x, s.rows, n, group == 0, phase, sums);
#pragma unroll
        for (int batch = 0; batch < BATCHES; batch++)
        {
            if (batch * BATCH >= n) break;
            put_sums(ring, sums, batch, n);
            consumers_sync();
#pragma unroll
            for (int i = 0; i < OUTPUTS; i++) finish(s, shared, ring, p, tile0, batch, n, Output(i), ahead[batch % AHEAD][i]);
            if (batch + AHEAD < BATCHES) load_batch(batch + AHEAD);
            consumers_sync();
            add_squares(shared, p, batch, n);
        }
        tile0 += n * (int)gridDim.x;
    }
}
