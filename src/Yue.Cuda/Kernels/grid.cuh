// The barriers of the consumer warps, within a block and across the whole launch.
#pragma once
#include "common.cuh"

constexpr int CONSUMER_WARPS = 8;
constexpr int CONSUMERS = CONSUMER_WARPS * 32;

// A wait that never ends means a bug or a hung device. After this number of polls, of at least 600 cycles each, the wait fails, which the
// host sees as a failed context.
constexpr u32 MAX_GRID_POLLS = 1u << 23;

// Ends the launch with an illegal store. With a trap instruction instead, the assembler would limit the consumers to 168 registers.
DEV void give_up() { asm volatile("st.global.u32 [%0], %1;" : : "l"(0ull), "r"(0) : "memory"); }

// The block barrier of the consumer warps, without the producers.
DEV void consumers_sync()
{
    asm volatile("bar.sync 1, %0;" : : "n"(CONSUMERS) : "memory");
}

// The barrier of all consumers of all blocks. The blocks are resident together (cooperative launch). word[0] counts arrivals and is never
// reset; word[1] is its value at the start of the launch, written by leave() in the previous launch, so that an arrival does not have to
// wait for a result.
struct Grid
{
    u32* word;
    u32 target;

    DEV explicit Grid(u32* word) : word(word), target(0)
    {
        if (threadIdx.x == 0) asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(target) : "l"(word + 1) : "memory");
    }

    DEV void sync()
    {
        consumers_sync();
        if (threadIdx.x == 0)
        {
            target += gridDim.x;
            u32 now, polls = 0;
            asm volatile("fence.acq_rel.gpu;" : : : "memory");
            asm volatile("red.relaxed.gpu.global.add.u32 [%0], 1;" : : "l"(word) : "memory");
            while (true)
            {
                asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(now) : "l"(word) : "memory");
                if ((int)(now - target) >= 0) break;
                if (++polls == MAX_GRID_POLLS) give_up();
            }
        }
        consumers_sync();
    }

    // Called after the last sync: every block read word[1] before it reached the first sync.
    DEV void leave()
    {
        if (threadIdx.x == 0 && blockIdx.x == 0) word[1] = target;
    }
};
