// The steps of a transformer block between its products and its attention, for many rows of bf16 (flow matching):
//   add_norm:     x[r] += delta[r] if there is a delta;  y[r][i] = x[r][i] weight[i] / rms(x[r])
//   split_heads:  splits the query, key and value heads of a row, with queries and keys normalized and rotated by the row's position, into
//                 queries[head][row], keys[head][first + row] and values[head][first + row]
//   silu_up:      y[r][i] = silu(x[r][2 i]) x[r][2 i + 1]
// Sums are float32, and results are rounded once.
//
// Launch: blocks of 256 threads. add_norm: one block per row, width a multiple of 8 up to 8,192. split_heads: (rows, all heads / 8 rounded
// up) blocks, one warp per head of 128. silu_up: a grid of blocks, eight results per thread. Reference: Yue.Engine's LlamaBlock.
// Why this version: separate operations on whole tensors moved about ten times as many bytes and accounted for a third of the time of
// an evaluation.
#include "common.cuh"

constexpr int BLOCK_WARPS = 8;
constexpr int D = 128;
constexpr int MAX_PIECES = 4;       // pieces of eight values that a thread of add_norm holds

DEV uint4 pack_eight(const float (&v)[8])
{
    return make_uint4(pack_bf16(v[0], v[1]), pack_bf16(v[2], v[3]), pack_bf16(v[4], v[5]), pack_bf16(v[6], v[7]));
}

DEV float block_sum(float v, float* sums)
{
    v = warp_sum(v);
    if ((threadIdx.x & 31) == 0) sums[threadIdx.x >> 5] = v;
    __syncthreads();
    float sum = 0.0f;
#pragma unroll
    for (int w = 0; w < BLOCK_WARPS; w++) sum += sums[w];
    return sum;
}

extern "C" __global__ void __launch_bounds__(256) add_norm(
    bf16* x, const bf16* delta, const bf16* weight, bf16* y, int width, float epsilon)
{
    __shared__ float sums[BLOCK_WARPS];
    const size_t row = (size_t)blockIdx.x * width;
    float v[MAX_PIECES][8], square = 0.0f;
#pragma unroll
    for (int p = 0; p < MAX_PIECES; p++)
    {
        int i = (p * 256 + threadIdx.x) * 8;
        if (i >= width) break;
        unpack_bf16(*(const uint4*)(x + row + i), v[p]);
        if (delta)
        {
            float d[8];
            unpack_bf16(*(const uint4*)(delta + row + i), d);
#pragma unroll
            for (int j = 0; j < 8; j++) v[p][j] += d[j];
            uint4 sum = pack_eight(v[p]);
            *(uint4*)(x + row + i) = sum;
            unpack_bf16(sum, v[p]);
        }
#pragma unroll
        for (int j = 0; j < 8; j++) square += v[p][j] * v[p][j];
    }
    float rstd = rsqrtf(block_sum(square, sums) / width + epsilon);
#pragma unroll
    for (int p = 0; p < MAX_PIECES; p++)
    {
        int i = (p * 256 + threadIdx.x) * 8;
        if (i >= width) break;
        float w[8];
        unpack_bf16(*(const uint4*)(weight + i), w);
#pragma unroll
        for (int j = 0; j < 8; j++) w[j] *= v[p][j] * rstd;
        *(uint4*)(y + row + i) = pack_eight(w);
    }
}

// Lane l holds dimensions 2 l and 2 l + 1, and the two that are 64 higher.
// qkv: [rows, heads + 2 kv_heads, D]; cos, sin: [positions, D / 2].
extern "C" __global__ void __launch_bounds__(256) split_heads(
    const bf16* qkv, const bf16* query_norm, const bf16* key_norm, const float* cos,
    const float* sin, bf16* queries, bf16* keys, bf16* values, int heads, int kv_heads, int first, long long head_stride, float epsilon)
{
    int row = blockIdx.x, head = blockIdx.y * BLOCK_WARPS + (threadIdx.x >> 5), lane = threadIdx.x & 31, all = heads + 2 * kv_heads;
    if (head >= all) return;
    const u32* source = (const u32*)(qkv + ((size_t)row * all + head) * D) + lane;
    u32 low = source[0], high = source[32];
    bf16* to = head < heads ? queries + ((size_t)head * gridDim.x + row) * D
        : head < heads + kv_heads ? keys + (head - heads) * head_stride + (size_t)(first + row) * D
        : values + (head - heads - kv_heads) * head_stride + (size_t)(first + row) * D;
    if (head < heads + kv_heads)
    {
        float a0 = from_bf16((bf16)low), a1 = from_bf16((bf16)(low >> 16)), b0 = from_bf16((bf16)high), b1 = from_bf16((bf16)(high >> 16));
        float rstd = rsqrtf(warp_sum(a0 * a0 + a1 * a1 + b0 * b0 + b1 * b1) / D + epsilon);
        const bf16* weight = (head < heads ? query_norm : key_norm) + 2 * lane;
        a0 *= rstd * from_bf16(weight[0]);
        a1 *= rstd * from_bf16(weight[1]);
        b0 *= rstd * from_bf16(weight[64]);
        b1 *= rstd * from_bf16(weight[65]);
        const size_t turn = (size_t)(first + row) * (D / 2) + 2 * lane;
        float2 c = *(const float2*)(cos + turn), s = *(const float2*)(sin + turn);
        low = pack_bf16(a0 * c.x - b0 * s.x, a1 * c.y - b1 * s.y);
        high = pack_bf16(b0 * c.x + a0 * s.x, b1 * c.y + a1 * s.y);
    }
    ((u32*)to)[lane] = low;
    ((u32*)to)[lane + 32] = high;
}

extern "C" __global__ void __launch_bounds__(256) silu_up(const uint4* x, uint4* y, long long pieces)
{
    for (long long i = (long long)blockIdx.x * 256 + threadIdx.x; i < pieces; i += (long long)gridDim.x * 256)
    {
        float pairs[2][8], out[8];
        unpack_bf16(x[2 * i], pairs[0]);
        unpack_bf16(x[2 * i + 1], pairs[1]);
#pragma unroll
        for (int j = 0; j < 8; j++)
        {
            float gate = pairs[j >> 2][(j & 3) * 2], up = pairs[j >> 2][(j & 3) * 2 + 1];
            out[j] = gate / (1.0f + __expf(-gate)) * up;
        }
        y[i] = pack_eight(out);
    }
}
