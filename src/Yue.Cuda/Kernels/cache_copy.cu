// Moves keys and values between a row's cache pages and dense [T, KV_HEADS, D] blocks of bf16: to_cache appends a prefilled
// block from position `start` on; otherwise positions start .. start + T are copied out (earlier sections, for the next prefill).
//
// Launch: (T, 2) blocks of 16 * min(KV_HEADS, 16) threads: y is keys or values. Reference: a round trip, and the page layout in ReferenceLlama.
// Why this version: it moves bytes once a section; 16-byte pieces, no further care.
#include "common.cuh"

constexpr int D = 128;
constexpr int PAGE = 64;

extern "C" __global__ void cache_copy(bf16* cache, const int* pages, int layer, int layer_count, int kv_heads, int start,
    bf16* keys, bf16* values, long long position_stride, long long head_stride, int to_cache)
{
    int kv = blockIdx.y, position = start + blockIdx.x, t = position & (PAGE - 1), page = pages[position / PAGE];
    int swizzle = ((t >> 1) & 3) | ((t & 1) << 2);
    bf16* dense = (kv ? values : keys) + (size_t)blockIdx.x * position_stride;
    for (int i = threadIdx.x; i < kv_heads * 16; i += blockDim.x)
    {
        int head = i >> 4, piece = i & 15;
        uint4* paged = (uint4*)(cache + ((((size_t)page * layer_count + layer) * 2 + kv) * kv_heads + head) * (PAGE * D) + t * D) + (piece ^ swizzle);
        uint4* flat = (uint4*)(dense + head * head_stride + piece * 8);
        if (to_cache) *paged = *flat; else *flat = *paged;
    }
}
