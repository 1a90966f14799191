// Helpers for the benchmark. fill_random: random bf16 values between -scale and scale, or random bytes (zeros would make the memory look
// faster). fill_value: one float everywhere. plain_read: reads a block of memory; its speed is the upper limit for decoding.
// Launch: grid-stride. Reference: none needed.
#include "common.cuh"

extern "C" __global__ void fill_random(u32* out, unsigned long long words, u32 seed, float scale, int eight_bit)
{
    for (u64 i = blockIdx.x * (u64)blockDim.x + threadIdx.x; i < words; i += (u64)gridDim.x * blockDim.x)
    {
        u32 h = (u32)i * 2654435761u + seed;
        h ^= h >> 15; h *= 2246822519u; h ^= h >> 13; h *= 3266489917u; h ^= h >> 16;
        if (eight_bit) out[i] = eight_bit == 2 ? h & 0xb7b7b7b7u : h;
        else out[i] = pack_bf16(((h & 0xffffu) / 32768.0f - 1.0f) * scale, ((h >> 16) / 32768.0f - 1.0f) * scale);
    }
}

extern "C" __global__ void fill_value(float* out, unsigned long long count, float value)
{
    for (u64 i = blockIdx.x * (u64)blockDim.x + threadIdx.x; i < count; i += (u64)gridDim.x * blockDim.x) out[i] = value;
}

extern "C" __global__ void plain_read(const uint4* in, unsigned long long count, u32* out)
{
    uint4 a = make_uint4(0, 0, 0, 0);
    for (u64 i = blockIdx.x * (u64)blockDim.x + threadIdx.x; i < count; i += (u64)gridDim.x * blockDim.x)
    {
        uint4 v = load_stream(in + i);
        a.x ^= v.x; a.y ^= v.y; a.z ^= v.z; a.w ^= v.w;
    }
    if ((a.x ^ a.y ^ a.z ^ a.w) == 0x12345u) *out = 1;
}
