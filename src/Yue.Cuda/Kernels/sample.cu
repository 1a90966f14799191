// Draws one id per song: guidance on log-softmax, repetition penalty, minimum length, allowed ids, temperature, top-k, top-p, draw; then
// the id is fed back (token, position, seen bit, step) and put into the host's ring.
//
// Launch: one block of 1024 threads per song. Reference: Yue.Cuda.Tests/ReferenceSampler.
// Why this version: nothing is sorted. Scores become 32-bit keys with the same order; "the k-th largest", "where the sum of probabilities
// reaches p" and "where it passes u" are each found by descending the keys' bytes with a histogram of counts or of probabilities.
// Probabilities are integers of at most 2^40, so their sums do not depend on the order of threads. The draw inverts the cumulative
// distribution over the ids in order of descending probability, ties by lower id, for any k and any p. After top-k, only the kept ids are
// read again.
#include "descend.cuh"
#include "sampler_state.cuh"

constexpr int SLICES = 32;

struct Work : Descent
{
    u64 total;
    u32 count;
    int chosen;
};

// For one warp: returns the logarithm of the sum of a row's exponentials. The slices are added in order.
DEV float log_sum(const float2* stats, int row)
{
    static_assert(SLICES == 32, "one slice per lane");
    float2 mine = stats[row * SLICES + (threadIdx.x & 31)];
    float top = mine.x, sum = 0.0f;
    for (int x = 16; x; x >>= 1) top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, x));
    float part = mine.y * expf(mine.x - top);
    for (int i = 0; i < SLICES; i++) sum += __shfl_sync(0xffffffffu, part, i);
    return top + logf(sum);
}

// keys_scratch, kept_scratch: [songs, V]. ring: [songs, ring_size] ids and after them [songs] counts, in host memory.
extern "C" __global__ void __launch_bounds__(THREADS) sample(
    Song* songs, int song_count, const float* logits, int vocabulary, const float2* stats,
    u32* keys_scratch, u32* kept_scratch, int* token, int* position, int* active, int* ring, int ring_size)
{
    __shared__ Work work;
    __shared__ float log_sums[2];
    Song& song = songs[blockIdx.x];
    if (!song.running) return;
    u32* keys = keys_scratch + (size_t)blockIdx.x * vocabulary;     // indexed by position in the list of allowed ids
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
    if (unconditional && threadIdx.x < 64)
    {
        log_sums[threadIdx.x >> 5] = log_sum(stats, threadIdx.x < 32 ? song.row : song.unconditional_row);
    }
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
        u32 key = id == song.end_id && song.step < song.min_tokens ? 0u : to_key(score);
        keys[i] = key;
        atomicMax(&work.prefix, key);
    }
    __syncthreads();
    u32 top_key = work.prefix;
    float top = from_key(top_key);
    __syncthreads();

    // top-k keeps every id whose score is at least the k-th largest; temperature 0 keeps only the ids with the largest score.
    u32 least_key = 1u;
    bool greedy = song.temperature <= 0.0f;
    auto key_at = [&](int i) { return keys[i]; };
    if (greedy) least_key = top_key;
    else if (song.top_k > 0 && song.top_k < allowed)
    {
        descend(work, key_at, allowed, (u64)song.top_k - 1, [](u32) { return (u64)1; });
        least_key = max(work.prefix, 1u);
        __syncthreads();
    }

    // The kept keys, in any order, and the sum of their probabilities. These are integers, so the order does not matter.
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
    auto kept_at = [&](int i) { return kept[i]; };
    auto weight = [&](u32 key) { return probability(key, top); };

    // top-p keeps an id while the probabilities before it sum to less than p.
    u64 kept_total = total;
    if (!greedy && song.top_p < 1.0f)
    {
        u64 limit = (u64)((double)song.top_p * (double)total);
        if (limit > 0) limit--;                                     // the last kept id is the one at which the sum reaches p
        descend(work, kept_at, n, limit, weight);
        u64 each = max(probability(work.prefix, top), 1ull), before = work.above;
        u64 taken = (limit - before) / each + 1;
        kept_total = min(before + taken * each, total);
        __syncthreads();
    }

    u32 uniform = philox(song.seed, (u32)song.step, (u32)song.section) >> 8;
    u64 target = greedy ? 0 : (u64)((double)uniform * (1.0 / 16777216.0) * (double)kept_total);
    if (target >= total) target = total - 1;
    descend(work, kept_at, n, target, weight);
    u32 key = work.prefix;
    u64 rank = greedy ? 0 : (target - work.above) / max(probability(key, top), 1ull);   // among equal keys, by id

    // Finds the rank-th id with that key. Ranges are scanned in order of ids, one id per thread at a time.
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
        bool stop = id == song.end_id || id == 0x7fffffff || step + 1 >= song.max_tokens;
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
