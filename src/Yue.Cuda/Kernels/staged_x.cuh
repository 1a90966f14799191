// x on its way from L2 to the tensor cores where all rows' share of a chunk would not stay in registers: two stages of shared memory, one
// on its way while the other is multiplied.
//
// A stage holds eight k a lane of each row: what the lane itself multiplies, in the order of x_index (model.cuh), so that a warp's copy is
// 512 bytes in a row. A lane waits for its own copies alone: no barrier is needed, and lane after lane no bank is met twice. A chunk of
// 1 KiB of each weight row has X_PARTS parts, a stage each. One of these lives as long as a group of tiles; when its last part is taken
// nothing is on its way, and the warp's stages may hold its sums. All rows of the build are copied, those that are not there, too: their
// room is in x, and a comparison a row costs more than the bytes.
#pragma once
#include "model.cuh"

constexpr int WARP_STAGE_BYTES = OCTETS * 32 * 16;
static_assert(X_PARTS % STAGES == 0, "a part's stage is known when the kernel is built");

struct StagedX
{
    const bf16* source;     // this lane's piece of the part to ask for next
    u32 data;               // this lane's place in stage 0

    DEV StagedX(const Ring& ring, const bf16* x)
        : source(x + (size_t)(threadIdx.x >> 5) * (WARP_STAGE_BYTES / 2) + (threadIdx.x & 31) * 8),
          data(ring.staged + (threadIdx.x >> 5) * (STAGED_BYTES / CONSUMER_WARPS) + (threadIdx.x & 31) * 16)
    {
        ask(0);
    }

    // Asks for the next part.
    DEV void ask(int stage)
    {
#pragma unroll
        for (int o = 0; o < OCTETS; o++)
        {
            asm volatile("cp.async.cg.shared.global [%0], [%1], 16;"
                : : "r"(data + stage * WARP_STAGE_BYTES + o * 512), "l"(source + o * 256) : "memory");
        }
        source += CONSUMER_WARPS * (WARP_STAGE_BYTES / 2);
    }

    // The part that was asked for, eight values of each row a lane (of rows that are not there, anything).
    DEV void take(int stage, uint4 (&x)[OCTETS])
    {
        asm volatile("cp.async.wait_all;" : : : "memory");
#pragma unroll
        for (int o = 0; o < OCTETS; o++) x[o] = lds128(data + stage * WARP_STAGE_BYTES + o * 512);
    }
};
