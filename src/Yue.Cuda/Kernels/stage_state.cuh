// What the kernels of YuE 2's sampling read and keep for each song. The host writes a song's record when a stage begins.
#pragma once
#include "common.cuh"

constexpr int MAX_WINDOW = 100;
constexpr int GROUP_IDS = 32;       // candidates whose largest key stage_keys leaves to stage_draw

// A candidate is an id that may come: candidate i < count is id first + i, candidate count is end_id.
struct StageSong
{
    u64 seed;
    float guidance;                 // used when guide_row >= 0
    float temperature;              // 0: the best id is taken
    float top_p;
    int top_k;
    int row, guide_row;             // guide_row < 0: guidance off
    int first, count, end_id;
    int least, most;                // end_id is forbidden before `least` ids; the song stops after `most` ids or at end_id
    int least_kept;                 // ids that top-p leaves in any case
    int window;                     // ids that the penalty counts back
    int step;                       // ids drawn in this stage
    int position_limit;             // the song stops before a row would pass it
    int running;                    // 0: the song takes no part
    float penalties[MAX_WINDOW + 1];    // by the number of times that an id is in the window
    int history[MAX_WINDOW];        // the id of step t is at t % MAX_WINDOW
};
