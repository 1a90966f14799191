// x on its way from L2 to the tensor cores where all rows' share of a chunk would not stay in registers: STAGES stages of shared memory,
// all but one of them on their way while one is multiplied.
//
// A stage holds eight k a lane of each row: what the lane itself multiplies, in the order of x_index (model.cuh), so that a warp's copy is
// 512 bytes in a row. A lane waits for its own copies alone: no barrier is needed, and lane after lane no bank is met twice. A chunk of
// 1 KiB of each weight row has X_PARTS stages. One of these lives as long as a group of tiles; when its last stage is taken nothing is on
// its way, and the warp's stages may hold its sums.
#pragma once
#include "model.cuh"

constexpr int WARP_STAGE_BYTES = OCTETS * 32 * 16;

struct StagedX
{
    const bf16* source;     // this lane's piece of the stage to ask for next
    u32 data;               // this lane's place in stage 0
    int octets, left;       // octets that have rows; stages still to be asked for
    int ask, use;           // the place of the stage to ask for, and that of the one to be multiplied next

    DEV StagedX(const Ring& ring, const bf16* x, int rows, int chunks)
        : source(x + (size_t)threadIdx.x / 32 * (WARP_STAGE_BYTES / 2) + (threadIdx.x & 31) * 8),
          data(ring.staged + (threadIdx.x >> 5) * (STAGED_BYTES / CONSUMER_WARPS) + (threadIdx.x & 31) * 16),
          octets((rows + 7) / 8), left(chunks * X_PARTS), ask(0), use(0)
    {
        if constexpr (X_STAGED)
        {
#pragma unroll
            for (int i = 0; i < STAGES - 1; i++) copy();
        }
    }

    // The next stage, eight values of each row a lane (of rows that are not there, anything); asks for the one after those on their way.
    DEV void take(uint4 (&x)[OCTETS])
    {
        asm volatile("cp.async.wait_group %0;" : : "n"(STAGES - 2) : "memory");
        u32 from = data + use * WARP_STAGE_BYTES;
#pragma unroll
        for (int o = 0; o < OCTETS; o++) x[o] = lds128(from + o * 512);
        copy();
        if (++use == STAGES) use = 0;
    }

    // Once all is asked for, a group of copies is empty.
    DEV void copy()
    {
        if (left > 0)
        {
            u32 to = data + ask * WARP_STAGE_BYTES;
#pragma unroll
            for (int o = 0; o < OCTETS; o++)
            {
                if (o < octets) asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" : : "r"(to + o * 512), "l"(source + o * 256) : "memory");
            }
            source += CONSUMER_WARPS * (WARP_STAGE_BYTES / 2);
            left--;
            if (++ask == STAGES) ask = 0;
        }
        asm volatile("cp.async.commit_group;" : : : "memory");
    }
};
