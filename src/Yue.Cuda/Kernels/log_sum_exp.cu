// For row m and slice b of its V logits: stats[m][b] = (max, sum of exp(logit - max)); the sampler joins the slices in order.
// Launch: (SLICES, rows) blocks of 256 threads. Reference: Yue.Cuda.Tests/ReferenceSampler.
// Why this version: one block per row would read 336 KB through one multiprocessor. Slices distribute the work, and the fixed order of sums
// makes the result bit-identical in every run.
#include "common.cuh"

constexpr int SLICES = 32;

extern "C" __global__ void __launch_bounds__(256) log_sum_exp(const float* logits, int vocabulary, const int* active, float2* stats)
{
    __shared__ float tops[8], sums[8];
    int row = blockIdx.y, slice = blockIdx.x, lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    if (!active[row]) return;
    int size = (vocabulary + SLICES - 1) / SLICES, from = slice * size, to = min(from + size, vocabulary);
    const float* x = logits + (size_t)row * vocabulary;
    float top = -1e30f;
    for (int i = from + threadIdx.x; i < to; i += 256) top = fmaxf(top, x[i]);
#pragma unroll
    for (int o = 16; o; o >>= 1) top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, o));
    if (lane == 0) tops[warp] = top;
    __syncthreads();
    for (int w = 0; w < 8; w++) top = fmaxf(top, tops[w]);
    float sum = 0.0f;
    for (int i = from + threadIdx.x; i < to; i += 256) sum += expf(x[i] - top);
    sum = warp_sum(sum);
    if (lane == 0) sums[warp] = sum;
    __syncthreads();
    if (threadIdx.x == 0)
    {
        sum = 0.0f;
        for (int w = 0; w < 8; w++) sum += sums[w];
        stats[row * SLICES + slice] = make_float2(top, sum);
    }
}
