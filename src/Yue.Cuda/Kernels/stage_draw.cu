// Draws one id per song: applies top-k and top-p to the keys from stage_keys and draws an id, which is then fed back (token, position,
// history, step) and put into the host's ring. The drawn id is the one with the largest p / q, where q is an exponential random number that
// is drawn separately for each id.
//
// Launch: one block of 1024 threads per song, after stage_keys. Reference: Yue.Engine's StageChain and StageDraw.
// Why this version: comparing the maxima of groups of 32 neighbors leaves only a few more ids than are kept. Each thread compares one of
// them with all others, which gives its position in their order and the total probability of those before it. If many ids remain, for
// example with a k above the number of maxima, descend.cuh finds the limits of top-k and top-p without ordering the ids.
#include "descend.cuh"
#include "stage_state.cuh"

constexpr int NO_ID = -1;           // returned instead of an id if the best score is not finite

struct Work : Descent
{
    u64 total, equals, best;
    u32 top, count;
};

struct Candidate
{
    u32 key;
    int id;
};

// The candidates that are compared with each other, at most one per thread.
struct Few
{
    Candidate candidates[THREADS];
    u64 weights[THREADS];
};

// A cut through the ids in descending order of keys. It includes all ids with a greater key, and the first `taken` ids with
// this key, in order of id.
struct Cut
{
    u32 key;
    u64 taken;

    DEV bool reaches_beyond(const Cut& other) const { return key < other.key || (key == other.key && taken > other.taken); }
};

DEV u32 largest_key(Work& work, const u32* maxima, int groups)
{
    u32 mine = 0;
    for (int i = threadIdx.x; i < groups; i += THREADS) mine = max(mine, maxima[i]);
    mine = __reduce_max_sync(0xffffffffu, mine);
    if ((threadIdx.x & 31) == 0) atomicMax(&work.top, mine);
    __syncthreads();
    return work.top;
}

// Puts the candidates whose key is at least least_key into kept, in any order, and returns their number. A warp processes 32 groups at a
// time.
DEV int gather(Work& work, const StageSong& song, const u32* keys, const u32* maxima, int groups, u32 least_key, Candidate* kept)
{
    int lane = threadIdx.x & 31;
    for (int first = threadIdx.x & ~31; first < groups; first += THREADS)
    {
        u32 hits = __ballot_sync(0xffffffffu, first + lane < groups && maxima[first + lane] >= least_key);
        while (hits)
        {
            int i = (first + __ffs(hits) - 1) * GROUP_IDS + lane;
            hits &= hits - 1;
            u32 key = keys[i];
            u32 found = __ballot_sync(0xffffffffu, key >= least_key);
            u32 place = 0;
            if (lane == 0) place = atomicAdd(&work.count, __popc(found));
            place = __shfl_sync(0xffffffffu, place, 0) + __popc(found & ((1u << lane) - 1));
            if (key >= least_key) kept[place] = { key, i < song.count ? song.first + i : song.end_id };
        }
    }
    __syncthreads();
    return (int)work.count;
}

// Adds up a weight of each candidate over the block.
template <typename Weight>
DEV void add_up(u64& total, int n, Weight weight_at)
{
    u64 mine = 0;
    for (int i = threadIdx.x; i < n; i += THREADS) mine += weight_at(i);
    for (int x = 16; x; x >>= 1) mine += __shfl_xor_sync(0xffffffffu, mine, x);
    if ((threadIdx.x & 31) == 0 && mine) atomicAdd(&total, mine);
    __syncthreads();
}

// Finds the end of top-p among the candidates with a key of at least least_key: an id is kept if the ids before it have a total probability
// of at most top_p, or if it is among the first min_kept.
DEV Cut cut_by_probability(Work& work, const StageSong& song, const Candidate* kept, int n, u32 least_key, float top)
{
    auto key_at = [&](int i) { return kept[i].key; };
    auto weight = [&](u32 key) { return key >= least_key ? probability(key, top) : 0ull; };
    add_up(work.total, n, [&](int i) { return weight(kept[i].key); });
    u64 limit = min((u64)((double)song.top_p * (double)work.total), work.total - 1);
    descend(work, key_at, n, limit, weight);
    Cut cut = { work.prefix, (limit - work.above) / max(probability(work.prefix, top), 1ull) + 1 };
    if (song.min_kept > 1)
    {
        u64 last = min(song.min_kept, n) - 1;
        descend(work, key_at, n, last, [](u32) { return 1ull; });
        Cut least = { work.prefix, last - work.above + 1 };
        if (least.key >= least_key && least.reaches_beyond(cut)) cut = least;
    }
    return cut;
}

// Returns the largest included id among the equal keys of a cut.
DEV u32 last_id(Work& work, const Candidate* kept, int n, const Cut& cut)
{
    auto is_equal = [&](int i) { return kept[i].key == cut.key ? 1ull : 0ull; };
    add_up(work.equals, n, is_equal);
    if (cut.taken >= work.equals) return 0xffffffffu;
    descend(work, [&](int i) { return kept[i].key == cut.key ? 0xffffffffu - (u32)kept[i].id : 0u; }, n, cut.taken - 1,
        [](u32 key) { return key ? 1ull : 0ull; });
    return 0xffffffffu - work.prefix;
}

// Returns the exponential random number that PyTorch draws for an id and a step on a large GPU.
DEV float exponential(const StageSong& song, int id)
{
    u32 word = philox(song.seed, (u32)song.step, 0u, (u32)id);
    return -logf((float)word * 2.3283064365386963e-10f + 1.1641532182693481e-10f);      // 2^-32, 2^-33
}

// Returns p / q of an id as a key: a larger ratio has a larger key, and among equal ratios, a lower id has the larger key.
DEV u64 ratio_key(const StageSong& song, const Candidate& c, float top)
{
    float ratio = fmaxf(expf(from_key(c.key) - top) / exponential(song, c.id), 0.0f);      // q may be -0
    return (u64)to_key(ratio) << 32 | (0xffffffffu - (u32)c.id);
}

// Returns the id with the largest ratio key of all threads.
DEV int id_of_best(Work& work, u64 best)
{
    for (int x = 16; x; x >>= 1) best = max(best, __shfl_xor_sync(0xffffffffu, best, x));
    if ((threadIdx.x & 31) == 0) atomicMax(&work.best, best);
    __syncthreads();
    return (int)(0xffffffffu - (u32)work.best);
}

// Draws among at most one candidate per thread.
DEV int draw_of_few(Work& work, Few& few, const StageSong& song, const Candidate* kept, int n, float top)
{
    int i = threadIdx.x;
    Candidate mine = { 0u, 0 };
    if (i < n)
    {
        mine = few.candidates[i] = kept[i];
        few.weights[i] = probability(mine.key, top);
    }
    __syncthreads();
    int greater = 0, before = 0;        // candidates with a greater key, and those before this one in descending order, equal ones by id
    u64 weight_before = 0;
    for (int j = 0; j < n && i < n; j++)
    {
        const Candidate other = few.candidates[j];
        bool is_before = other.key > mine.key || (other.key == mine.key && other.id < mine.id);
        greater += other.key > mine.key;
        before += is_before;
        weight_before += is_before ? few.weights[j] : 0ull;
    }
    bool greedy = song.temperature <= 0.0f;
    bool stays = i < n && (greedy ? before == 0 : greater < song.top_k);
    add_up(work.total, THREADS, [&](int) { return stays ? few.weights[i] : 0ull; });
    double limit = song.top_p < 1.0f ? (double)song.top_p * (double)work.total : 1e300;
    stays = stays && (before < song.min_kept || (double)weight_before <= limit);
    return id_of_best(work, stays ? ratio_key(song, mine, top) : 0ull);
}

// Draws among more candidates: finds the prefix kept by top-k and top-p, then its best ratio.
DEV int draw_of_many(Work& work, const StageSong& song, const Candidate* kept, int n, float top)
{
    bool greedy = song.temperature <= 0.0f;
    u32 least_key = greedy ? to_key(top) : 1u;
    if (!greedy && song.top_k < n)
    {
        descend(work, [&](int i) { return kept[i].key; }, n, (u64)song.top_k - 1, [](u32) { return 1ull; });
        least_key = work.prefix;
    }
    Cut cut = { least_key, greedy ? 1ull : 0xffffffffull };
    if (!greedy && song.top_p < 1.0f) cut = cut_by_probability(work, song, kept, n, least_key, top);
    u32 last = last_id(work, kept, n, cut);
    u64 best = 0;
    for (int i = threadIdx.x; i < n; i += THREADS)
    {
        const Candidate c = kept[i];
        if (c.key > cut.key || (c.key == cut.key && (u32)c.id <= last)) best = max(best, ratio_key(song, c, top));
    }
    return id_of_best(work, best);
}

DEV int next_id(Work& work, Few& few, const StageSong& song, const u32* keys, const u32* maxima, Candidate* kept)
{
    int groups = song.count / GROUP_IDS + 1;
    u32 top_key = largest_key(work, maxima, groups);
    float top = from_key(top_key);
    if (!(fabsf(top) <= 3.4e38f)) return NO_ID;
    u32 least_key = song.temperature <= 0.0f ? top_key : 1u;
    if (song.temperature > 0.0f && song.top_k < groups)
    {
        least_key = max(descend_roughly(work, [&](int i) { return maxima[i]; }, groups, (u32)song.top_k - 1u), 1u);
    }
    int n = gather(work, song, keys, maxima, groups, least_key, kept);
    return n <= THREADS ? draw_of_few(work, few, song, kept, n, top) : draw_of_many(work, song, kept, n, top);
}

// Feeds an id back, counts the step, and stops the song if this was its last step.
DEV void feed(StageSong& song, int id, int* token, int* position, int* active, volatile int* ids, volatile int* progress, int ring_size)
{
    int step = song.step;
    ids[step % ring_size] = id;
    song.history[step % MAX_WINDOW] = id;
    song.step = step + 1;
    bool stop = id == song.end_id || id == NO_ID || step + 1 >= song.max_tokens;
    int rows[2] = { song.row, song.guide_row };
    for (int i = 0; i < 2; i++)
    {
        if (rows[i] < 0) continue;
        token[rows[i]] = max(id, 0);
        position[rows[i]]++;
        if (position[rows[i]] >= song.position_limit) stop = true;
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
    *progress = stop ? -(step + 1) : step + 1;
}

// keys, kept: [songs, stride]. ring: [songs, ring_size] ids and after them [songs] counts, in host memory.
extern "C" __global__ void __launch_bounds__(THREADS) stage_draw(
    StageSong* songs, int song_count, const u32* keys, const u32* maxima, int stride,
    Candidate* kept, int* token, int* position, int* active, int* ring, int ring_size)
{
    __shared__ Work work;
    __shared__ Few few;
    StageSong& song = songs[blockIdx.x];
    if (!song.running) return;
    if (threadIdx.x == 0)
    {
        work.total = work.equals = work.best = 0;
        work.top = work.count = 0;
    }
    __syncthreads();
    size_t at = (size_t)blockIdx.x * stride;
    int id = next_id(work, few, song, keys + at, maxima + at / GROUP_IDS, kept + at);
    if (threadIdx.x == 0)
    {
        int* progress = ring + song_count * ring_size + blockIdx.x;
        feed(song, id, token, position, active, ring + blockIdx.x * ring_size, progress, ring_size);
    }
}
