// The ring of shared-memory slots that the producer warps fill ahead of the consumer warps.
//
// Before a step starts, the producers know which bytes their block will read in it, because weights never change and cached positions
// were written by earlier steps. They wait only for free slots and run ahead across the grid barriers between phases, so memory stays busy
// while the consumers wait for each other. 200 KB per multiprocessor corresponds to about 8 microseconds of an H100's bandwidth, which is
// longer than a barrier and the start of a phase. Four warps each copy a share of every slot. A warp starts the bulk copies of its lanes
// one after another, at about 50 cycles each, so a single warp with eight copies per slot would take longer than the transfer. With
// compute capability 9.0 or higher and the compiler of CUDA 12 or newer, the bulk copy engine is used; otherwise, 16-byte asynchronous
// copies are used.
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

// A weight row consists of units, each for one warp: 128 bytes of values, or 256 low-bit weights with their scales.
constexpr bool ROW_SCALES = WEIGHT == 1 || WEIGHT == 2;
constexpr bool GROUPED = WEIGHT == 4 || WEIGHT == 5;
constexpr int UNIT_K = WEIGHT == 0 ? 64 : ROW_SCALES ? 128 : 256;
constexpr int UNIT_BYTES = WEIGHT == 4 ? 208 : WEIGHT == 5 ? 144 : 128;
constexpr int PART_BYTES = CONSUMER_WARPS * UNIT_BYTES;
#ifndef PARTS
#define PARTS ((ROWS <= 8 && !GROUPED) || (ROWS == 16 && WEIGHT == 0) ? 2 : 1)
#endif
constexpr int SEGMENT = PART_BYTES * PARTS;     // bytes of one weight row in a slot; large copies cost fewer instructions
constexpr int SEGMENT_PITCH = SEGMENT + 64;     // so that eight lanes that read two rows use 32 different banks
constexpr int SLOT_BYTES = 8 * SEGMENT_PITCH;
constexpr int MAX_SLOTS = 32;

// True if x is staged in shared memory (staged_x.cuh), which is done with many rows on devices with 227 KiB of it per block.
#if __CUDA_ARCH__ >= 900 && __CUDA_ARCH__ < 1200
constexpr bool X_STAGED = ROWS >= 32;
#else
constexpr bool X_STAGED = false;
#endif
constexpr int STAGES = 2;
constexpr int STAGED_BYTES = X_STAGED ? STAGES * ROWS / 8 * CONSUMERS * 16 : 0;

// The maximum number of KiB in flight per block: FLIGHT while the producers are in the consumers' phase, FLIGHT_AHEAD while they are ahead
// of it and the consumers finish their phase or wait at a barrier. The ring is deeper than both. If too many bytes are in flight, they
// fill the queues of the memory system and delay the consumers' loads and barriers. Of the measured pairs (docs/performance-log.md), 48/16
// was the fastest: steps took longer with 64/16, 48/32, 64/32, 96/48 and 32/32.
#ifndef FLIGHT
#define FLIGHT 48
#endif
#ifndef FLIGHT_AHEAD
#define FLIGHT_AHEAD 16
#endif
constexpr int MAX_FLYING = FLIGHT / (8 * PARTS), MAX_FLYING_AHEAD = FLIGHT_AHEAD / (8 * PARTS);

// The number of slots that a consumer passes after checking only the last one. Bytes arrive in any order, so there must be this many slots
// between the producer and the oldest slot in flight; otherwise the consumer would mistake an old phase of a slot for the new one.
constexpr int PASSED_AT_ONCE = 4;

struct Ring
{
    u32 data;       // shared address of slot 0, 128-byte aligned
    u32 staged;     // shared address of the stages of x, which follow the slots
    float* sums;    // [CONSUMER_WARPS, BATCH, ROWS * 8]: the warps' sums of a batch of tiles
    u32 full;       // shared address of MAX_SLOTS barriers: the slot's bytes have arrived
    u32 empty;      // shared address of MAX_SLOTS barriers: all consumer warps have left the slot
    u32 phase;      // shared address of the phase that the consumers are in: a count of attentions and products
    int slots;
};

// With the special instructions of compute capability 9.0 (sm_90a), registers are moved from the producers, which need few, to the
// consumers. Otherwise all threads have 168 registers.
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

// A position in the endless sequence of slots.
struct Cursor
{
    int slot;
    u32 phase;

    DEV void advance(const Ring& ring)
    {
        if (++slot == ring.slots) { slot = 0; phase ^= 1u; }
    }

    // Returns the position `count` slots later; `count` is at most the number of slots in the ring.
    DEV Cursor after(int count, const Ring& ring) const
    {
        int next = slot + count;
        return next < ring.slots ? Cursor{ next, phase } : Cursor{ next - ring.slots, phase ^ 1u };
    }

    DEV u32 data(const Ring& ring) const { return ring.data + (u32)slot * SLOT_BYTES; }
    DEV u32 full(const Ring& ring) const { return ring.full + (u32)slot * 8u; }
    DEV u32 empty(const Ring& ring) const { return ring.empty + (u32)slot * 8u; }
};

// A producer's position, and the oldest slot whose bytes may still be in flight.
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

// As with the grid barrier, a wait fails after a few seconds. It counts polls of at least 20 cycles each instead of reading a timer,
// because code size matters: the whole step has to fit into the instruction cache; otherwise, each phase would begin with instruction
// fetches.
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

// Consumer side: tells the producers which phase the consumers are entering.
DEV void enter_phase(const Ring& ring, int phase)
{
    if (threadIdx.x == 0) asm volatile("st.volatile.shared.s32 [%0], %1;" : : "r"(ring.phase), "r"(phase) : "memory");
}

// The number of arrivals that a slot's `full` barrier expects: one per producer warp with the bulk copy engine, otherwise one per producer
// thread.
constexpr u32 FULL_ARRIVALS = YUE_BULK ? PRODUCER_WARPS : PRODUCER_WARPS * 32;

// Producer side: fills a slot with PIECES pieces of `bytes` bytes each. Piece i comes from source(i), and the pieces begin `pitch` bytes
// apart in the slot. Each warp copies its share. Called by whole warps; `bytes` is a multiple of 16.
template <int PIECES, typename Source>
DEV void fill_slot(const Ring& ring, Front& front, u32 bytes, u32 pitch, u64 policy, Source source)
{
    constexpr int SHARE = PIECES / PRODUCER_WARPS;
    static_assert(SHARE * PRODUCER_WARPS == PIECES, "the warps' shares are equal");
    int lane = threadIdx.x & 31, first = (int)(threadIdx.x - CONSUMERS) / 32 * SHARE;
    Cursor& at = front.at;
    int consumers_phase;
    asm volatile("ld.volatile.shared.s32 %0, [%1];" : "=r"(consumers_phase) : "r"(ring.phase) : "memory");
    int most = min(consumers_phase < front.phase ? MAX_FLYING_AHEAD : MAX_FLYING, max(ring.slots - PASSED_AT_ONCE, 1));
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

// Orders a consumer's ordinary writes to a slot before the next writes of the copy engine.
DEV void fence_slot_writes()
{
#if YUE_BULK
    asm volatile("fence.proxy.async.shared::cta;" : : : "memory");
#endif
}
