// Copies keys and values between a row's cache pages and dense [T, KV_HEADS, D] blocks. With to_cache, a prefilled block is appended
// from position `start` on; otherwise, the T positions from `start` on are copied out of the cache, for example those of earlier sections
// for the next prefill.
//
// CACHE is 0 for bf16, 1 for fp8 and 2 for float32; see cache.cuh. Dense blocks are float32 for CACHE 2, otherwise bf16.
// Launch: (T, 2) blocks of 16 * min(kv_heads, 16) threads; y selects keys or values.
// Reference: a round trip, and the page layout in ReferenceLlama.
// Why this version: decode steps do not run it, so 16-byte accesses are fast enough.
#include "cache.cuh"

extern "C" __global__ void cache_copy(u8* cache, const int* pages, int layer, int layer_count, int kv_heads, int start,
    element* keys, element* values, long long position_stride, long long head_stride, int to_cache)
{
    int kv = blockIdx.y, position = start + blockIdx.x, t = position & (PAGE - 1), page = pages[position / PAGE];
    element* dense = (kv ? values : keys) + (size_t)blockIdx.x * position_stride;
    for (int i = threadIdx.x; i < kv_heads * 16; i += blockDim.x)
    {
        int head = i >> 4, piece = i & 15;
        u8* block = cache + ((((size_t)page * layer_count + layer) * 2 + kv) * kv_heads + head) * BLOCK_BYTES;
        uint4* flat = (uint4*)(dense + head * head_stride + piece * 8);
#if CACHE == 2
        uint4* kept = (uint4*)(block + t * POSITION_BYTES) + 2 * piece;
        for (int half = 0; half < 2; half++)
        {
            if (to_cache) kept[half] = flat[half]; else flat[half] = kept[half];
        }
#else
        if (to_cache) store_kept(block, t, piece, keep(*flat)); else *flat = load_kept(block, t, piece);
#endif
    }
}
