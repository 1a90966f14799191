// One decode step of a Llama model for 1 to ROWS rows in one launch: logits[m] = head . norm(h_L[m]), with
//   h_0 = embedding[token];  a = h_i + o . attention(qkv . norm(h_i));  h_{i+1} = a + down . (silu(gate . norm(a)) * up . norm(a)),
// and the keys and values of position[m] appended to row m's cache pages.
//
// Launch: cooperative, one block a multiprocessor, 8 consumer warps and 1 producer warp, all shared memory of the block.
// Reference: Yue.Cuda.Tests/ReferenceLlama (double accumulation).
// Why this version: a step only moves bytes, and what keeps a kernel-a-product step from the memory's speed is the gaps
// between kernels (stage 2's products take 3 to 15 microseconds each). Here copies run ahead through shared memory across
// all of a step's products (ring.cuh), six grid barriers a layer separate what depends on other blocks, and the norms
// cost nothing: x is stored times the norm's weight, and 1/rms, a factor of the whole row, multiplies the product's result.
// The residual stream is float32; products take bf16 x and sum in float32.
#include "product.cuh"
#include "attention.cuh"

// h_0 and its share of squares: block m writes row m.
DEV void embed(const Step& s, Shared& shared)
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
            s.normed[(size_t)m * HIDDEN + i] = to_bf16(h * from_bf16(norm[i]));
            sum += h * h;
        }
#pragma unroll
        for (int x = 16; x; x >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, x);
        if (lane == 0) shared.sums[0][0][threadIdx.x >> 5] = sum;
        consumers_sync();
        sum = 0.0f;
        for (int w = 0; w < CONSUMER_WARPS; w++) sum += shared.sums[0][0][w];
        for (int b = threadIdx.x; b < (int)gridDim.x; b += CONSUMERS) s.squares[(size_t)m * MAX_BLOCKS + b] = b == 0 ? sum : 0.0f;
        consumers_sync();
    }
}

DEV void clear_squares(Shared& shared)
{
    for (int m = threadIdx.x; m < ROWS; m += CONSUMERS) shared.squares[m] = 0.0f;
}

extern "C" __global__ void __launch_bounds__(BLOCK_THREADS, 1) decode_step(const __grid_constant__ Step s)
{
    extern __shared__ __align__(128) u8 memory[];
    Ring ring;
    ring.data = (shared_address(memory) + 127u) & ~127u;
    Shared& shared = *(Shared*)(memory + (ring.data - shared_address(memory)) + (size_t)s.slots * SLOT_BYTES);
    ring.full = shared_address(shared.full);
    ring.empty = shared_address(shared.empty);
    ring.slots = s.slots;
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

    Cursor at = { 0, 0u };
    int offset = 0, units = shared.unit_start[s.rows], head_tiles = (s.head_rows + 7) / 8;
    if (threadIdx.x >= CONSUMERS)
    {
        u64 policy = stream_policy();
        for (int i = 0; i < s.layer_count; i++)
        {
            const Layer& layer = s.layers[i];
            produce<QKV>(ring, at, policy, layer.qkv, QKV_TILES, offset, QKV_HEADS * D);
            offset += QKV_TILES;
            produce_attention(s, shared, ring, at, policy, i, offset);
            offset += units;
            produce<OUT>(ring, at, policy, layer.o, O_TILES, offset, HIDDEN);
            offset += O_TILES;
            produce<GATE_UP>(ring, at, policy, layer.gate_up, GATE_UP_TILES, offset, 2 * INTERMEDIATE);
            offset += GATE_UP_TILES;
            produce<DOWN>(ring, at, policy, layer.down, DOWN_TILES, offset, HIDDEN);
            offset = (offset + DOWN_TILES) % (int)gridDim.x;
        }
        const u8* head = (const u8*)s.head + (size_t)s.head_start * HIDDEN * WEIGHT_BYTES;
        produce<HEAD>(ring, at, policy, head, head_tiles, offset, s.head_rows);
        return;
    }

    Grid grid(s.barrier);
    embed(s, shared);
    grid.sync();
    for (int i = 0; i < s.layer_count; i++)
    {
        const Layer& layer = s.layers[i];
        load_rstd(s, shared, 0);
        consume<QKV>(s, shared, ring, at, s.normed, nullptr, layer.qkv_scale, i, QKV_TILES, offset);
        offset += QKV_TILES;
        grid.sync();

        attend(s, shared, ring, at, i, offset);
        offset += units;
        grid.sync();

        join_splits(s, shared);
        clear_squares(shared);
        grid.sync();

        consume<OUT>(s, shared, ring, at, s.attended, layer.mlp_norm, layer.o_scale, i, O_TILES, offset);
        offset += O_TILES;
        store_squares(s, shared, 1);
        grid.sync();

        load_rstd(s, shared, 1);
        consume<GATE_UP>(s, shared, ring, at, s.normed, nullptr, layer.gate_up_scale, i, GATE_UP_TILES, offset);
        offset += GATE_UP_TILES;
        clear_squares(shared);
        grid.sync();

        const bf16* next = i + 1 < s.layer_count ? s.layers[i + 1].attention_norm : s.final_norm;
        consume<DOWN>(s, shared, ring, at, s.mlp, next, layer.down_scale, i, DOWN_TILES, offset);
        offset = (offset + DOWN_TILES) % (int)gridDim.x;
        store_squares(s, shared, 0);
        grid.sync();
    }
    grid.leave();
    load_rstd(s, shared, 0);
    consume<HEAD>(s, shared, ring, at, s.normed, nullptr, s.head_scale == nullptr ? nullptr : s.head_scale + s.head_start, s.layer_count, head_tiles, offset);
}
