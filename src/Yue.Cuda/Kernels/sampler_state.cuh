// The sampler kernels' state, one record per song. The host writes a song's record when the song starts or its settings change.
#pragma once
#include "common.cuh"

constexpr int MAX_RANGES = 4;

struct Song
{
    u64 seed;
    u32* seen;                      // one bit per id: [(V + 31) / 32]
    float guidance;                 // used when unconditional_row >= 0
    float penalty, temperature, top_p;
    int top_k;                      // 0: off
    int row, unconditional_row;     // unconditional_row < 0: guidance off
    int range_count, range_low[MAX_RANGES], range_high[MAX_RANGES];  // allowed ids: low <= id < high
    int end_id;
    int min_tokens, max_tokens;     // end_id is forbidden until min_tokens ids are drawn; the song stops at end_id or after max_tokens ids
    u32 section;
    int step;                       // ids drawn in this section
    int position_limit;             // the song stops when the position of a row reaches it
    int running;                    // 0: the song is not active
};
