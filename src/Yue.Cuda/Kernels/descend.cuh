// Order statistics of a block's values without sorting: scores as 32-bit keys, a search that descends the keys' bytes, and Philox.
//
// Each pass of a search sums weights by the next byte of the keys that match so far. Weights are integers, so that their sums do not
// depend on the order of threads. Blocks of THREADS threads. CPU references: Yue.Cuda.Tests/ReferenceSampler, Yue.Engine's StageChain.
#pragma once
#include "common.cuh"

constexpr int THREADS = 1024;

// A greater score has a greater key.
DEV u32 to_key(float v)
{
    u32 b = __float_as_uint(v);
    return b & 0x80000000u ? ~b : b | 0x80000000u;
}

DEV float from_key(u32 k) { return __uint_as_float(k & 0x80000000u ? k & 0x7fffffffu : ~k); }

DEV u64 probability(u32 key, float top) { return (u64)(expf(from_key(key) - top) * 1099511627776.0f); }

struct Descent
{
    u64 bins[256];
    u64 above;
    u32 prefix;
};

// For one warp: adds the bins to `above`, from the highest bin down, and finds the bin at which the sum exceeds `target`. Stores the bin in
// its byte of `prefix`, and the sum before that bin in `above`. A lane adds eight bins, because a single thread for all 256 took most
// of the kernel's time.
DEV void find_bin(Descent& work, u64 above, u64 target, u32 prefix, int shift)
{
    int lane = threadIdx.x, bin = 255 - lane * 8;
    u64 mine = 0;
    for (int i = 0; i < 8; i++) mine += work.bins[bin - i];
    u64 sum = mine;
    for (int x = 1; x < 32; x <<= 1)
    {
        u64 before = __shfl_up_sync(0xffffffffu, sum, x);
        if (lane >= x) sum += before;
    }
    u32 passed = __ballot_sync(0xffffffffu, above + sum > target);
    if (lane != (passed ? __ffs(passed) - 1 : 31)) return;
    above += sum - mine;
    while (bin > 248 - lane * 8 && above + work.bins[bin] <= target) above += work.bins[bin--];
    work.prefix = prefix | (u32)bin << shift;
    work.above = above;
}

// Finds the largest key K with sum over keys > K of weight <= target < sum over keys >= K. Leaves K in `prefix` and the sum over keys > K
// in `above`.
template <typename Keys, typename Weight>
DEV void descend(Descent& work, Keys key_at, int n, u64 target, Weight weight)
{
    u32 prefix = 0;
    u64 above = 0;
    for (int shift = 24; shift >= 0; shift -= 8)
    {
        for (int i = threadIdx.x; i < 256; i += THREADS) work.bins[i] = 0;
        __syncthreads();
        for (int i = threadIdx.x; i < n; i += THREADS)
        {
            u32 key = key_at(i);
            if (shift == 24 || key >> (shift + 8) == prefix >> (shift + 8))
            {
                u64 w = weight(key);
                if (w) atomicAdd(&work.bins[(key >> shift) & 255], w);
            }
        }
        __syncthreads();
        if (threadIdx.x < 32) find_bin(work, above, target, prefix, shift);
        __syncthreads();
        prefix = work.prefix;
        above = work.above;
        __syncthreads();
    }
}

// Finds a key that is at most the largest key K with count(keys > K) <= target < count(keys >= K), and that equals K in its upper two
// bytes. Lanes with the same byte add only once: the keys of scores have few different upper bytes, and separate additions to the same
// address took most of the time.
template <typename Keys>
DEV u32 descend_roughly(Descent& work, Keys key_at, int n, u32 target)
{
    int lane = threadIdx.x & 31;
    u32 prefix = 0;
    u64 above = 0;
    for (int shift = 24; shift >= 16; shift -= 8)
    {
        for (int i = threadIdx.x; i < 256; i += THREADS) work.bins[i] = 0;
        __syncthreads();
        for (int from = threadIdx.x - lane; from < n; from += THREADS)
        {
            u32 key = from + lane < n ? key_at(from + lane) : 0u;
            bool matches = from + lane < n && (shift == 24 || key >> 24 == prefix >> 24);
            u32 bin = matches ? key >> shift & 255u : 256u;
            u32 peers = __match_any_sync(0xffffffffu, bin);
            if (matches && lane == __ffs(peers) - 1) atomicAdd((u32*)&work.bins[bin], (u32)__popc(peers));
        }
        __syncthreads();
        if (threadIdx.x < 32) find_bin(work, above, target, prefix, shift);
        __syncthreads();
        prefix = work.prefix;
        above = work.above;
        __syncthreads();
    }
    return prefix;
}

// Philox4x32-10, word 0 (Salmon et al. 2011); the counter is the same as in Yue.Engine's PhiloxRandom.
DEV u32 philox(u64 key, u32 c0, u32 c1, u32 c2 = 0)
{
    u32 c3 = 0, k0 = (u32)key, k1 = (u32)(key >> 32);
    for (int i = 0; i < 10; i++)
    {
        u32 h0 = __umulhi(0xd2511f53u, c0), l0 = 0xd2511f53u * c0, h1 = __umulhi(0xcd9e8d57u, c2), l1 = 0xcd9e8d57u * c2;
        c0 = h1 ^ c1 ^ k0;
        c1 = l1;
        c2 = h0 ^ c3 ^ k1;
        c3 = l0;
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    return c0;
}
