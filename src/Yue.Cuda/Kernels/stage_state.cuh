// The state of YuE 2's sampling kernels, one record per song. The host writes a song's record when a stage begins.
#pragma once
#include "common.cuh"

constexpr int MAX_WINDOW = 100;
constexpr int GROUP_IDS = 32;       // candidates per group; stage_draw gets the largest key of each group from stage_keys

// A candidate is an allowed id: candidate i is id first + i for i < count, and end_id for i = count.
struct StageSong
{
    u64 seed;
    float guidance;                 // used when guide_row >= 0
    float temperature;              // 0: the best id is chosen
    float top_p;
    int top_k;
    int row, guide_row;             // guide_row < 0: guidance off
    int first, count, end_id;
    int min_tokens, max_tokens;     // end_id is forbidden until min_tokens ids are drawn; the song stops at end_id or after max_tokens ids
    int min_kept;                   // minimum number of ids that top-p keeps
    int window;                     // number of previous ids that the penalty counts
    int step;                       // ids drawn in this stage
    int position_limit;             // the song stops when the position of a row reaches it
    int running;                    // 0: the song is not active
    float penalties[MAX_WINDOW + 1];    // indexed by the number of occurrences of an id in the window
    int history[MAX_WINDOW];        // the id of step t is at t % MAX_WINDOW
};
