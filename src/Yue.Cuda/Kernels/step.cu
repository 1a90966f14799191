// One decode step of a Llama model for 1 to ROWS rows in one launch: logits[m] = head . norm(h_L[m]), with
//   h_0 = embedding[token];  a = h_i + o . attention(qkv . norm(h_i));  h_{i+1} = a + down . (silu(gate . norm(a)) * up . norm(a)),
// and the keys and values of position[m] appended to row m's cache pages.
//
// Launch: cooperative, one block per multiprocessor, with 8 consumer warps, 4 producer warps and all shared memory that a block can have.
// Reference: Yue.Cuda.Tests/ReferenceLlama (double accumulation).
// Why this version: the speed of a step is limited by memory bandwidth, and with one kernel per product, the gaps between kernels would
// keep it below that limit (stage 2's products take 3 to 15 microseconds each). Here, copies run ahead through shared memory across all
// products of a step (ring.cuh), six grid barriers per layer separate phases that depend on other blocks, and the norms cost nothing: x is
// stored multiplied by the norm's weight, and the product's result is multiplied by 1/rms, a factor of the whole row. The residual stream
// is float32; products take bf16 x and sum in float32.
#include "product.cuh"
#include "attention.cuh"

// Stores h_0 and its sum of squares; block m stores row m.
DEV void embed(const Step& s, const Ring& ring)
{
    const bf16* norm = s.layers[0].attention_norm;
    int lane = threadIdx.x & 31;
    for (int m = blockIdx.x; m < s.rows; m += gridDim.x)
    {
        float sum = 0.0f;
        const bf16* source = s.embedding + (size_t)s.token[m] * HIDDEN;
        for (int i = threadIdx.x; i < HIDDEN; i += CONSUMERS)
        {
            float h = from_bf16(source[i]);
            s.residual[(size_t)m * HIDDEN + i] = h;
            s.normed[x_index(m, i, HIDDEN)] = to_bf16(h * from_bf16(norm[i]) * X_SCALE);
            sum += h * h;
        }
        sum = warp_sum(sum);
        if (lane == 0) ring.sums[threadIdx.x >> 5] = sum;
        consumers_sync();
        sum = 0.0f;
        for (int w = 0; w < CONSUMER_WARPS; w++) sum += ring.sums[w];
        for (int b = threadIdx.x; b < (int)gridDim.x; b += CONSUMERS) s.squares[(size_t)m * MAX_BLOCKS + b] = b == 0 ? sum : 0.0f;
        consumers_sync();
    }
}

DEV void clear_squares(Shared& shared)
{
    for (int m = threadIdx.x; m < ROWS; m += CONSUMERS) shared.squares[m] = 0.0f;
}

// The products of each layer come in the order QKV, OUT, GATE_UP, DOWN. The head comes last.
DEV int product_kind(int i, int products) { return i == products - 1 ? (int)HEAD : i & 3; }

// A staged product needs all tiles of a group in the ring at the same time; attention needs the keys and values of a page.
constexpr int MIN_SLOTS = X_STAGED && MAX_GROUP > PASSED_AT_ONCE ? MAX_GROUP : PASSED_AT_ONCE;
constexpr int ALIGNMENT = 128;      // alignment of slot 0, in bytes
extern "C" __device__ const StepLayout step_layout =
    { BLOCK_THREADS, SLOT_BYTES, STAGED_BYTES + (int)sizeof(Shared) + ALIGNMENT, MIN_SLOTS, MAX_SLOTS };

extern "C" __global__ void __launch_bounds__(BLOCK_THREADS, 1) decode_step(const __grid_constant__ Step s)
{
    extern __shared__ __align__(ALIGNMENT) u8 memory[];
    Ring ring;
    ring.data = (shared_address(memory) + (ALIGNMENT - 1u)) & ~(ALIGNMENT - 1u);
    ring.staged = ring.data + s.slots * SLOT_BYTES;
    u8* staged = memory + (ring.staged - shared_address(memory));
    Shared& shared = *(Shared*)(staged + STAGED_BYTES);
    ring.sums = X_STAGED ? (float*)staged : shared.sums;
    ring.full = shared_address(shared.full);
    ring.empty = shared_address(shared.empty);
    ring.phase = shared_address(&shared.phase);
    ring.slots = s.slots;
    if (threadIdx.x == 0) shared.phase = 0;
    if (threadIdx.x < s.slots)
    {
        barrier_init(ring.full + threadIdx.x * 8, FULL_ARRIVALS);
        barrier_init(ring.empty + threadIdx.x * 8, CONSUMER_WARPS);
    }
    asm volatile("fence.acq_rel.cta;" : : : "memory");
    fence_slot_writes();
    if (threadIdx.x < s.rows) shared.position[threadIdx.x] = s.active[threadIdx.x] ? s.position[threadIdx.x] : -1;
    __syncthreads();
    if (threadIdx.x == 0)
    {
        int units = 0;
        for (int m = 0; m < s.rows; m++)
        {
            shared.unit_start[m] = units;
            int pages = shared.position[m] < 0 ? 0 : shared.position[m] / PAGE + 1, shift = split_shift(pages);
            units += ((pages + (1 << shift) - 1) >> shift) * KV_HEADS;
        }
        shared.unit_start[s.rows] = units;
    }
    __syncthreads();
    list_units(s, shared);
    __syncthreads();

    // The assignment of tiles to blocks must depend only on the model's shape, because the sums of squares are added block by block.
    int offset = 0, products = s.layer_count * 4 + 1;
    if (threadIdx.x >= CONSUMERS)
    {
        producer_registers();
        u64 policy = stream_policy();
        Front front = { { 0, 0u }, { 0, 0u }, 0, 0 };
#pragma unroll 1
        for (int i = 0; i < products; i++)
        {
            const Product p(product_kind(i, products), s.head_rows);
            if (p.kind == OUT)
            {
                front.phase++;
                produce_attention(s, shared, ring, front, policy, i >> 2);
            }
            const void* weights = operands(s, p.kind, i >> 2).weights;
            front.phase++;
            produce(ring, front, policy, p, weights, offset);
            offset = (int)((u32)(offset + p.tiles) % gridDim.x);
        }
    }
    else
    {
        consumer_registers();
        Cursor at = { 0, 0u };
        Grid grid(s.barrier);
        int phase = 0;
        embed(s, ring);
        grid.sync();
#pragma unroll 1
        for (int i = 0; i < products; i++)
        {
            const Product p(product_kind(i, products), s.head_rows);
            if (p.kind == OUT)
            {
                enter_phase(ring, ++phase);
                attend(s, shared, ring, at, i >> 2);
                grid.sync();
                join_splits(s, shared);
                grid.sync();
            }
            const Operands o = operands(s, p.kind, i >> 2);
            if (o.next_norm) clear_squares(shared);
            if constexpr (X_STAGED) consume_staged(s, shared, ring, at, p, o, offset, ++phase);
            else consume(s, shared, ring, at, p, o, offset, ++phase);
            offset = (int)((u32)(offset + p.tiles) % gridDim.x);
            if (o.next_norm) store_squares(s, shared, p.kind == OUT ? 1 : 0);
            if (p.kind == HEAD) break;
            grid.sync();
        }
        grid.leave();
    }
}
