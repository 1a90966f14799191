// The activation of YuE 2's sound decoder: y[c][t] = x[c][t] + sin(speed[c] x[c][t])^2 strength[c], float32.
//
// Launch: (length / 1,024 rounded up, channels) blocks of 256 threads, four results per thread. y may be x.
// Reference: Yue.Engine's SnakeBeta.
// Why this version: separate operations on whole tensors moved the bytes of eleven tensors instead of two.
#include "common.cuh"

constexpr int PER_THREAD = 4;

extern "C" __global__ void __launch_bounds__(256) snake(
    const float* x, const float* speed, const float* strength, float* y, long long length)
{
    const long long row = blockIdx.y * length, first = (long long)blockIdx.x * (256 * PER_THREAD) + threadIdx.x;
    const float a = speed[blockIdx.y], b = strength[blockIdx.y];
#pragma unroll
    for (int p = 0; p < PER_THREAD; p++)
    {
        const long long t = first + p * 256;
        if (t >= length) break;
        const float v = x[row + t], wave = sinf(v * a);
        y[row + t] = v + wave * wave * b;
    }
}
