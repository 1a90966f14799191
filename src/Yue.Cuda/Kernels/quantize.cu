// quantize:   scales[r] = max |w[r]| / max_code, out[r][i] = w[r][i] / scales[r] rounded to nearest even, in int8 (max_code is 127; a sign
//             bit and seven bits of magnitude, which the step kernel widens with two instructions per pair) or e4m3 (max_code is 448).
// dequantize: out[r][i] = in[r][i] * scales[r] in bf16, rounded to nearest even.
// A row whose scale would be below the normal range of float32 becomes zero with scale 1. A row with a NaN or an infinity gets a NaN as its
// scale, so that none of its values looks valid, and is counted in bad_rows.
//
// Launch: one block of 256 threads per row, columns a multiple of 8. Reference: Yue.Cuda.Tests/QuantizeTests.
// Why this version: a row is at most 22 KB and stays in the cache between its two reads; e4m3 is rounded with integer operations, because
// compute capability 8.0 has no instruction for it and every device must write the same bytes.
#include "common.cuh"

constexpr int THREADS = 256;
enum { INT8 = 1, E4M3 = 2 };                                // WeightType

// A sign bit and seven bits of magnitude.
DEV float from_int8(u32 code) { return __uint_as_float(__float_as_uint((float)(code & 0x7fu)) | (code & 0x80u) << 24); }

extern "C" __global__ void __launch_bounds__(THREADS) quantize(const bf16* in, u8* out, float* scales, int columns, int type, u32* bad_rows)
{
    __shared__ float tops[THREADS / 32];
    __shared__ u32 bad;
    const uint4* row = (const uint4*)(in + (size_t)blockIdx.x * columns);
    uint2* to = (uint2*)(out + (size_t)blockIdx.x * columns);
    if (threadIdx.x == 0) bad = 0;
    __syncthreads();
    float top = 0.0f;
    bool finite = true;
    for (int i = threadIdx.x; i < columns / 8; i += THREADS)
    {
        float w[8];
        unpack_bf16(row[i], w);
#pragma unroll
        for (int j = 0; j < 8; j++)
        {
            finite = finite && fabsf(w[j]) <= 3.4e38f;
            top = fmaxf(top, fabsf(w[j]));
        }
    }
#pragma unroll
    for (int x = 16; x; x >>= 1) top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, x));
    if ((threadIdx.x & 31) == 0) tops[threadIdx.x >> 5] = top;
    if (!finite) bad = 1;
    __syncthreads();
    for (int w = 0; w < THREADS / 32; w++) top = fmaxf(top, tops[w]);
    float max_code = type == INT8 ? 127.0f : 448.0f, scale = top / max_code;
    if (scale < 1.17549435e-38f) scale = 1.0f;
    if (bad) scale = __uint_as_float(0x7fc00000u);
    for (int i = threadIdx.x; i < columns / 8; i += THREADS)
    {
        float w[8];
        unpack_bf16(row[i], w);
        u32 codes[2] = { 0, 0 };
#pragma unroll
        for (int j = 0; j < 8; j++)
        {
            float v = w[j] / scale;
            u32 code = type == INT8 ? (__float_as_uint(v) >> 24 & 0x80u) | (u32)__float2int_rn(fminf(fabsf(v), 127.0f)) : to_e4m3(v);
            codes[j >> 2] |= code << (j & 3) * 8;
        }
        to[i] = make_uint2(codes[0], codes[1]);
    }
    if (threadIdx.x == 0)
    {
        scales[blockIdx.x] = scale;
        if (bad) atomicAdd(bad_rows, 1u);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS) dequantize(const u8* in, const float* scales, bf16* out, int columns, int type)
{
    const uint2* row = (const uint2*)(in + (size_t)blockIdx.x * columns);
    uint4* to = (uint4*)(out + (size_t)blockIdx.x * columns);
    float scale = scales[blockIdx.x];
    for (int i = threadIdx.x; i < columns / 8; i += THREADS)
    {
        uint2 packed = row[i];
        float w[8];
#pragma unroll
        for (int j = 0; j < 8; j++)
        {
            u32 code = ((j < 4 ? packed.x : packed.y) >> (j & 3) * 8) & 255u;
            w[j] = (type == INT8 ? from_int8(code) : from_e4m3(code)) * scale;
        }
        to[i] = make_uint4(pack_bf16(w[0], w[1]), pack_bf16(w[2], w[3]), pack_bf16(w[4], w[5]), pack_bf16(w[6], w[7]));
    }
}
