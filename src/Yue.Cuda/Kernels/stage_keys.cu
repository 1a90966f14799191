// For candidate i of a song: keys[i], its score as a key (descend.cuh) or 0 if it is forbidden, where
//   score = (u + guidance (c - u)) / temperature, multiplied by the penalty for the id's count if negative, otherwise divided by it;
// and maxima[i / 32], the largest key of 32 neighbors.
//
// Launch: (candidates / 256, songs) blocks of 256 threads. Reference: Yue.Engine's StageChain.
// Why this version: a head of 32,769 or 151,644 ids is too much for the single block of a song. Here, all multiprocessors read it. With the
// maxima, stage_draw reads little more than the ids that top-k keeps, because the k-th largest maximum is at most the k-th largest key.
#include "descend.cuh"
#include "stage_state.cuh"

constexpr int KEY_THREADS = 256;

// Returns the score of an id whose logit is at index `at` of the rows. count is its number of occurrences in the window.
DEV float stage_score(const StageSong& song, const float* logits, int head_rows, int at, int count)
{
    float score = logits[(size_t)song.row * head_rows + at];
    if (song.guide_row >= 0)
    {
        float guide = logits[(size_t)song.guide_row * head_rows + at];
        score = guide + song.guidance * (score - guide);
    }
    if (count > 0) score = score < 0.0f ? score * song.penalties[count] : score / song.penalties[count];
    return song.temperature > 0.0f ? score / song.temperature : score;
}

// logits: [rows, head_rows] of the ids from head_start on. keys: [songs, stride]; maxima: [songs, stride / 32].
extern "C" __global__ void __launch_bounds__(KEY_THREADS) stage_keys(
    const StageSong* songs, const float* logits, int head_start, int head_rows, u32* keys, u32* maxima, int stride)
{
    __shared__ int counts[KEY_THREADS];
    const StageSong& song = songs[blockIdx.y];
    int from = blockIdx.x * KEY_THREADS, i = from + threadIdx.x;
    if (!song.running || from > song.count) return;
    counts[threadIdx.x] = 0;
    __syncthreads();
    if ((int)threadIdx.x < min(song.step, song.window))
    {
        int place = song.history[(song.step - 1 - (int)threadIdx.x) % MAX_WINDOW] - song.first - from;
        if (place >= 0 && place < KEY_THREADS) atomicAdd(&counts[place], 1);
    }
    __syncthreads();
    bool allowed = i < song.count || (i == song.count && song.step >= song.min_tokens);
    int at = (i < song.count ? song.first + i : song.end_id) - head_start;
    u32 key = 0;
    if (allowed && at >= 0 && at < head_rows) key = to_key(stage_score(song, logits, head_rows, at, counts[threadIdx.x]));
    keys[(size_t)blockIdx.y * stride + i] = key;
    u32 top = __reduce_max_sync(0xffffffffu, key);
    if ((threadIdx.x & 31) == 0) maxima[(size_t)blockIdx.y * (stride / GROUP_IDS) + i / GROUP_IDS] = top;
}
