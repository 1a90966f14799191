// Moves x from L2 to the tensor cores if the values of all rows for a chunk do not fit into registers, through two stages of shared memory:
// one is loaded while the other is being multiplied.
//
// A stage holds eight k per lane of each row: those that the lane itself multiplies, in the order of x_index (model.cuh), so that a warp
// copies 512 contiguous bytes. A lane waits only for its own copies, so no barrier is needed, and there are no bank conflicts. A chunk of
// eight units of each weight row has X_PARTS parts, each of which fills a stage. An instance is used for one group of tiles. After its last
// part is read, no copy is in flight, and the warp's stages can hold its sums. All rows of the build are copied, including unused ones: x
// has space for them, and a comparison per row would cost more than the bytes.
#pragma once
#include "model.cuh"

constexpr int WARP_STAGE_BYTES = OCTETS * 32 * 16;
static_assert(X_PARTS % STAGES == 0, "a part's stage is known when the kernel is built");

struct StagedX
{
    const bf16* source;     // this lane's piece of the part to load next
    u32 data;               // this lane's position in stage 0

    DEV StagedX(const Ring& ring, const bf16* x)
        : source(x + (size_t)(threadIdx.x >> 5) * (WARP_STAGE_BYTES / 2) + (threadIdx.x & 31) * 8),
          data(ring.staged + (threadIdx.x >> 5) * (STAGED_BYTES / CONSUMER_WARPS) + (threadIdx.x & 31) * 16)
    {
        ask(0);
    }

    // Starts loading the next part.
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

    // Returns the loaded part, eight values of each row per lane (arbitrary values for unused rows).
    DEV void take(int stage, uint4 (&x)[OCTETS])
    {
        asm volatile("cp.async.wait_all;" : : : "memory");
#pragma unroll
        for (int o = 0; o < OCTETS; o++) x[o] = lds128(data + stage * WARP_STAGE_BYTES + o * 512);
    }
};
