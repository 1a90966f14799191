// The ring of shared-memory slots that the producer warps fill ahead of the consumer warps.
//
// The producers know every byte that its block reads in a step before the step starts (weights never change, cached
// positions were written by earlier steps), so they only ever wait for a free slot and run ahead across the grid
// barriers between phases: memory stays busy while the consumers wait for each other. 200 KB a multiprocessor is about
// 8 microseconds of an H100's bandwidth, more than a barrier and the start of a phase cost.
// Four warps, a share of each slot each: a warp starts its lanes' bulk copies one after another, some 50 cycles each, and one warp's
// eight copies a slot took longer than the slot's bytes.
// Compute capability 9.0 with a CUDA 12 compiler copies through the bulk copy engine; otherwise 16-byte asynchronous copies.
#pragma once
#include "grid.cuh"

#if __CUDA_ARCH__ >= 900 && __CUDACC_VER_MAJOR__ >= 12 && !defined(YUE_NO_BULK)
#define YUE_BULK 1
#else
#define YUE_BULK 0
#endif

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define YUE_OWN_REGISTERS 1
#else
#define YUE_OWN_REGISTERS 0
#endif

constexpr int PRODUCER_WARPS = 4;
constexpr int BLOCK_THREADS = CONSUMERS + PRODUCER_WARPS * 32;
#ifndef PARTS
#define PARTS (ROWS <= 8 || (ROWS == 16 && WEIGHT == 0) ? 2 : 1)
#endif
constexpr int SEGMENT = 1024 * PARTS;           // bytes of one weight row in a slot; large copies cost fewer instructions
constexpr int SEGMENT_PITCH = SEGMENT + 64;     // so that eight lanes reading two rows meet 32 different banks
constexpr int SLOT_BYTES = 8 * SEGMENT_PITCH;
constexpr int MAX_SLOTS = 32;

// Whether x goes through shared memory (staged_x.cuh): with many rows, where a multiprocessor has 227 KiB of it.
#if __CUDA_ARCH__ >= 900 && __CUDA_ARCH__ < 1200
constexpr bool X_STAGED = ROWS >= 32;
#else
constexpr bool X_STAGED = false;
#endif
constexpr int STAGES = 2;
constexpr int STAGED_BYTES = X_STAGED ? STAGES * ROWS / 8 * CONSUMERS * 16 : 0;

// KiB that a block has asked for and not yet got. Bandwidth needs about 24; what is more only queues, and the loads and the
// barriers of the consumers queue behind it. The ring is deeper: it fills while the consumers wait, at a pace that leaves their
// barrier a short way through the memory system.
#ifndef FLIGHT
#define FLIGHT 48
#endif
#ifndef FLIGHT_AHEAD
#define FLIGHT_AHEAD 16
#endif
constexpr int MOST_FLYING = FLIGHT / (8 * PARTS), MOST_FLYING_AHEAD = FLIGHT_AHEAD / (8 * PARTS);

// Slots that a consumer passes after a look at the last of them. Bytes arrive in any order: so many slots must lie between the
// producer and the oldest one whose bytes are under way, or the consumer takes an old phase of its slot for the new one.
constexpr int PASSED_AT_ONCE = 4;

struct Ring
{
    u32 data;       // shared address of slot 0, 128-byte aligned
    u32 staged;     // and of the stages of x behind the slots
    float* sums;    // [CONSUMER_WARPS, BATCH, ROWS * 8]: the warps' sums of a batch of tiles
    u32 full;       // MAX_SLOTS barriers: the slot's bytes have arrived
    u32 empty;      // MAX_SLOTS barriers: all consumer warps have left the slot
    u32 phase;      // the phase that the consumers are in: a count of attentions and products
    int slots;
};

// Registers go from the producers, who need few, to the consumers, where compute capability 9.0's own instructions may be used
// (sm_90a); elsewhere each warp has the 168 that twelve warps leave.
DEV void producer_registers()
{
#if YUE_OWN_REGISTERS
    asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
#endif
}

DEV void consumer_registers()
{
#if YUE_OWN_REGISTERS
    asm volatile("setmaxnreg.inc.sync.aligned.u32 232;");
#endif
}

// A place in the endless sequence of slots.
struct Cursor
{
    int slot;
    u32 phase;

    DEV void advance(const Ring& ring)
    {
        if (++slot == ring.slots) { slot = 0; phase ^= 1u; }
    }

    // The place count slots on; count is at most the ring's slots.
    DEV Cursor after(int count, const Ring& ring) const
    {
        int next = slot + count;
        return next < ring.slots ? Cursor{ next, phase } : Cursor{ next - ring.slots, phase ^ 1u };
    }

    DEV u32 data(const Ring& ring) const { return ring.data + (u32)slot * SLOT_BYTES; }
    DEV u32 full(const Ring& ring) const { return ring.full + (u32)slot * 8u; }
    DEV u32 empty(const Ring& ring) const { return ring.empty + (u32)slot * 8u; }
};

// A producer's place, and the oldest slot whose bytes it has not seen arrive.
struct Front
{
    Cursor at, landed;
    int flying, phase;
};

DEV void barrier_init(u32 address, u32 count)
{
    asm volatile("mbarrier.init.shared.b64 [%0], %1;" : : "r"(address), "r"(count) : "memory");
}

DEV void barrier_arrive(u32 address)
{
    asm volatile("{ .reg .b64 state; mbarrier.arrive.shared.b64 state, [%0]; }" : : "r"(address) : "memory");
}

// As with the grid's barrier, a wait gives up after seconds. Polls are counted, 20 cycles each at least, because code size matters: the
// whole step has to stay in the instruction cache, or each phase begins with fetching it.
constexpr u32 MAX_POLLS = 1u << 28;

DEV void barrier_wait(u32 address, u32 phase)
{
    u32 done = 0, polls = 0;
#pragma unroll 1
    while (true)
    {
#if __CUDA_ARCH__ >= 900
        asm volatile("{ .reg .pred p; mbarrier.try_wait.parity.shared.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
            : "=r"(done) : "r"(address), "r"(phase) : "memory");
#else
        asm volatile("{ .reg .pred p; mbarrier.test_wait.parity.shared.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
            : "=r"(done) : "r"(address), "r"(phase) : "memory");
#endif
        if (done) return;
        if (++polls == MAX_POLLS) give_up();
    }
}

// Consumer side: tells the producers which phase begins.
DEV void enter_phase(const Ring& ring, int phase)
{
    if (threadIdx.x == 0) asm volatile("st.volatile.shared.s32 [%0], %1;" : : "r"(ring.phase), "r"(phase) : "memory");
}

// Producer side: a slot of PIECES pieces of bytes each, piece i from source(i), at pitch in the slot; each warp copies its share of
// them. Whole warps; bytes a multiple of 16.
constexpr u32 FULL_ARRIVALS = YUE_BULK ? PRODUCER_WARPS : PRODUCER_WARPS * 32;

template <int PIECES, typename Source>
DEV void fill_slot(const Ring& ring, Front& front, u32 bytes, u32 pitch, u64 policy, Source source)
{
    constexpr int SHARE = PIECES / PRODUCER_WARPS;
    static_assert(SHARE * PRODUCER_WARPS == PIECES, "the warps' shares are equal");
    int lane = threadIdx.x & 31, first = (int)(threadIdx.x - CONSUMERS) / 32 * SHARE;
    Cursor& at = front.at;
    int consumers_phase;
    asm volatile("ld.volatile.shared.s32 %0, [%1];" : "=r"(consumers_phase) : "r"(ring.phase) : "memory");
    int most = min(consumers_phase < front.phase ? MOST_FLYING_AHEAD : MOST_FLYING, max(ring.slots - PASSED_AT_ONCE, 1));
    while (front.flying >= most)
    {
        barrier_wait(front.landed.full(ring), front.landed.phase);
        front.landed.advance(ring);
        front.flying--;
    }
    front.flying++;
    barrier_wait(at.empty(ring), at.phase ^ 1u);
    u32 full = at.full(ring), data = at.data(ring);
#if YUE_BULK
    if (lane == 0)
    {
        asm volatile("{ .reg .b64 state; mbarrier.arrive.expect_tx.shared.b64 state, [%0], %1; }"
            : : "r"(full), "r"(SHARE * bytes) : "memory");
    }
    __syncwarp();
    if (lane < SHARE)
    {
        asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint [%0], [%1], %2, [%3], %4;"
            : : "r"(data + (u32)(first + lane) * pitch), "l"(source(first + lane)), "r"(bytes), "r"(full), "l"(policy) : "memory");
    }
#else
    (void)policy;
    for (int i = first; i < first + SHARE; i++)
    {
        const u8* row = source(i);
        for (u32 b = lane * 16; b < bytes; b += 512)
        {
            asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" : : "r"(data + i * pitch + b), "l"(row + b) : "memory");
        }
    }
    asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];" : : "r"(full) : "memory");
#endif
    at.advance(ring);
}

DEV u64 stream_policy()
{
    u64 policy = 0;
#if YUE_BULK
    asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
#endif
    return policy;
}

// Ordinary writes to a slot (by a consumer) come before the copy engine's next ones.
DEV void fence_slot_writes()
{
#if YUE_BULK
    asm volatile("fence.proxy.async.shared::cta;" : : : "memory");
#endif
}
