// One id a song: guidance on log-softmax, repetition penalty, minimum length, allowed ids, temperature, top-k, top-p, draw; then the
// id is fed back (token, position, seen bit, step) and put into the host's ring.
//
// Launch: one block of 1024 threads a song. Reference: Yue.Cuda.Tests/ReferenceSampler.
// Why this version: nothing is sorted. Scores become 32-bit keys in descending order; "the k-th largest", "where the sum of
// probabilities reaches p" and "where it passes u" are each found by descending the key's bytes with a histogram of counts or of
// probabilities. Probabilities are integers (2^40 at the largest), so their sums do not depend on the order of threads: the draw
// is the inverse of the distribution over ids in descending probability, ties by lower id, for any k and any p. After top-k only
// the kept ids are looked at again.
#include "sampler_state.cuh"

constexpr int SLICES = 32;
constexpr int THREADS = 1024;

// Greater score, greater key.
DEV u32 to_key(float v)
{
    u32 b = __float_as_uint(v);
    return b & 0x80000000u ? ~b : b | 0x80000000u;
}

DEV float from_key(u32 k) { return __uint_as_float(k & 0x80000000u ? k & 0x7fffffffu : ~k); }

DEV u64 probability(u32 key, float top) { return (u64)(expf(from_key(key) - top) * 1099511627776.0f); }

struct Work
{
    u64 bins[256];
    u64 above, total;
    u32 prefix, count;
    int chosen;
};

// One warp: the highest bin in which the sum from above passes target goes into prefix's byte, the sum above it into above. A lane
// adds eight bins: one thread walking 256 took most of the kernel's time.
DEV void find_bin(Work& work, u64 above, u64 target, u32 prefix, int shift)
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

// Finds the largest key K with sum over keys > K of weight <= target < sum over keys >= K. Leaves K in prefix and the sum over keys > K in above.
template <typename Weight>
DEV void descend(Work& work, const u32* keys, int n, u64 target, Weight weight)
{
    u32 prefix = 0;
    u64 above = 0;
    for (int shift = 24; shift >= 0; shift -= 8)
    {
        for (int i = threadIdx.x; i < 256; i += THREADS) work.bins[i] = 0;
        __syncthreads();
        for (int i = threadIdx.x; i < n; i += THREADS)
        {
            u32 key = keys[i];
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

// Philox4x32-10, word 0 (Salmon et al. 2011); the counter is that of Yue.Engine's PhiloxRandom.
DEV u32 philox(u64 key, u32 c0, u32 c1)
{
    u32 c2 = 0, c3 = 0, k0 = (u32)key, k1 = (u32)(key >> 32);
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

// One warp: the logarithm of the sum of a row's exponentials, slice by slice in order.
DEV float log_sum(const float2* stats, int row)
{
    static_assert(SLICES == 32, "a slice a lane");
    float2 mine = stats[row * SLICES + (threadIdx.x & 31)];
    float top = mine.x, sum = 0.0f;
    for (int x = 16; x; x >>= 1) top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, x));
    float part = mine.y * expf(mine.x - top);
    for (int i = 0; i < SLICES; i++) sum += __shfl_sync(0xffffffffu, part, i);
    return top + logf(sum);
}

// keys, ids: [songs, V] scratch. ring: [songs, ring_size] ids and after them [songs] counts, in host memory.
extern "C" __global__ void __launch_bounds__(THREADS) sample(Song* songs, int song_count, const float* logits, int vocabulary, const float2* stats,
    u32* keys_scratch, u32* kept_scratch, int* token, int* position, int* active, int* ring, int ring_size)
{
    __shared__ Work work;
    __shared__ float log_sums[2];
    Song& song = songs[blockIdx.x];
    if (!song.running) return;
    u32* keys = keys_scratch + (size_t)blockIdx.x * vocabulary;     // by position in the list of allowed ids
    u32* kept = kept_scratch + (size_t)blockIdx.x * vocabulary;
    const float* conditional = logits + (size_t)song.row * vocabulary;
    const float* unconditional = song.unconditional_row >= 0 ? logits + (size_t)song.unconditional_row * vocabulary : nullptr;
    if (threadIdx.x == 0)
    {
        work.prefix = 0;
        work.chosen = 0x7fffffff;
        work.count = 0;
        work.total = 0;
    }
    if (unconditional && threadIdx.x < 64) log_sums[threadIdx.x >> 5] = log_sum(stats, threadIdx.x < 32 ? song.row : song.unconditional_row);
    __syncthreads();

    int allowed = 0;
    for (int r = 0; r < song.range_count; r++) allowed += song.range_high[r] - song.range_low[r];
    float temperature = song.temperature > 0.0f ? song.temperature : 1.0f;
    auto id_at = [&](int i) {
        int r = 0;
        while (i >= song.range_high[r] - song.range_low[r]) { i -= song.range_high[r] - song.range_low[r]; r++; }
        return song.range_low[r] + i;
    };
    for (int i = threadIdx.x; i < allowed; i += THREADS)
    {
        int id = id_at(i);
        float score = conditional[id];
        if (unconditional)
        {
            float u = unconditional[id] - log_sums[1];
            score = u + song.guidance * (score - log_sums[0] - u);
        }
        if (song.seen[id >> 5] >> (id & 31) & 1) score = score < 0.0f ? score * song.penalty : score / song.penalty;
        score /= temperature;
        u32 key = id == song.end_id && song.step < song.least ? 0u : to_key(score);
        keys[i] = key;
        atomicMax(&work.prefix, key);
    }
    __syncthreads();
    u32 top_key = work.prefix;
    float top = from_key(top_key);
    __syncthreads();

    // top-k keeps every id whose score is at least the k-th largest; temperature 0 keeps the largest alone.
    u32 least_key = 1u;
    bool greedy = song.temperature <= 0.0f;
    if (greedy) least_key = top_key;
    else if (song.top_k > 0 && song.top_k < allowed)
    {
        descend(work, keys, allowed, (u64)song.top_k - 1, [](u32) { return (u64)1; });
        least_key = max(work.prefix, 1u);
        __syncthreads();
    }

    // The kept keys, in any order, and their sum: integers, so the order does not matter.
    for (int i = threadIdx.x; i < allowed; i += THREADS)
    {
        u32 key = keys[i];
        if (key >= least_key)
        {
            kept[atomicAdd(&work.count, 1u)] = key;
            atomicAdd(&work.total, probability(key, top));
        }
    }
    __syncthreads();
    int n = (int)work.count;
    u64 total = work.total;
    auto weight = [&](u32 key) { return probability(key, top); };

    // top-p keeps an id while the probabilities before it sum to less than p.
    u64 kept_total = total;
    if (!greedy && song.top_p < 1.0f)
    {
        u64 limit = (u64)((double)song.top_p * (double)total);
        if (limit > 0) limit--;                                     // the last id kept is the one in which the sum reaches p
        descend(work, kept, n, limit, weight);
        u64 each = max(probability(work.prefix, top), 1ull), before = work.above;
        u64 taken = (limit - before) / each + 1;
        kept_total = min(before + taken * each, total);
        __syncthreads();
    }

    u32 uniform = philox(song.seed, (u32)song.step, (u32)song.section) >> 8;
    u64 target = greedy ? 0 : (u64)((double)uniform * (1.0 / 16777216.0) * (double)kept_total);
    if (target >= total) target = total - 1;
    descend(work, kept, n, target, weight);
    u32 key = work.prefix;
    u64 rank = greedy ? 0 : (target - work.above) / max(probability(key, top), 1ull);   // among equal keys, by id

    // The rank-th id of that key: ranges are scanned in order of ids, a chunk of threads at a time.
    __shared__ u32 warp_counts[32];
    u64 before = 0;
    for (int from = 0; from < allowed && work.chosen == 0x7fffffff; from += THREADS)
    {
        int i = from + threadIdx.x;
        bool hit = i < allowed && keys[i] == key;
        u32 ballot = __ballot_sync(0xffffffffu, hit);
        if ((threadIdx.x & 31) == 0) warp_counts[threadIdx.x >> 5] = __popc(ballot);
        __syncthreads();
        u64 mine = before + __popc(ballot & ((1u << (threadIdx.x & 31)) - 1));
        u32 all = 0;
        for (int w = 0; w < 32; w++)
        {
            if (w < (int)(threadIdx.x >> 5)) mine += warp_counts[w];
            all += warp_counts[w];
        }
        if (hit && mine == rank) work.chosen = id_at(i);
        before += all;
        __syncthreads();
    }
    __syncthreads();

    if (threadIdx.x == 0)
    {
        int id = work.chosen;
        int step = song.step;
        ring[blockIdx.x * ring_size + step % ring_size] = id;
        if (song.range_count > 0 && id != 0x7fffffff) song.seen[id >> 5] |= 1u << (id & 31);
        song.step = step + 1;
        bool stop = id == song.end_id || id == 0x7fffffff || step + 1 >= song.most;
        int rows[2] = { song.row, song.unconditional_row };
        for (int i = 0; i < 2; i++)
        {
            if (rows[i] >= 0)
            {
                token[rows[i]] = id == 0x7fffffff ? 0 : id;
                position[rows[i]]++;
                if (position[rows[i]] >= song.position_limit) stop = true;
            }
        }
        if (stop)
        {
            song.running = 0;
            for (int i = 0; i < 2; i++)
            {
                if (rows[i] >= 0) active[rows[i]] = 0;
            }
        }
        __threadfence_system();
        ((volatile int*)ring)[song_count * ring_size + blockIdx.x] = stop ? -(step + 1) : step + 1;
    }
}
