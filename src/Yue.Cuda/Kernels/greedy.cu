// For each active row: the id with the largest logit in logits[m][from .. from + count), ties to the lowest id. It is fed back as the row's
// next token and stored as codes[m][frame * slots + slot]. With count = 0, no id is chosen: the next frame's first token is fed, or the row
// stops after its last frame.
//
// Launch: one block of 256 threads per row. Reference: Yue.Cuda.Tests/SamplerTests, which chooses the largest logits of plain steps.
// Why this version: slot k of a frame may contain only codes of codebook k, so only 1,024 logits per row are compared. Frames are
// counted on the device, so a whole frame is one graph without a round trip to the host.
#include "common.cuh"

extern "C" __global__ void __launch_bounds__(256) greedy(const float* logits, int head_rows, int from, int count, int first_id,
    const int* given, int given_stride, int* codes, int codes_stride, int slots, int slot,
    int* frame, const int* frame_count, int* token, int* position, int* active)
{
    __shared__ u64 best[8];
    int row = blockIdx.x, lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    if (!active[row]) return;
    if (count > 0)
    {
        const float* x = logits + (size_t)row * head_rows + from;
        u64 top = 0;
        for (int i = threadIdx.x; i < count; i += 256)
        {
            u32 b = __float_as_uint(x[i]);
            u64 key = (u64)(b & 0x80000000u ? ~b : b | 0x80000000u) << 32 | (0xffffffffu - (u32)i);
            top = key > top ? key : top;
        }
#pragma unroll
        for (int o = 16; o; o >>= 1)
        {
            u64 other = __shfl_xor_sync(0xffffffffu, top, o);
            top = other > top ? other : top;
        }
        if (lane == 0) best[warp] = top;
        __syncthreads();
        if (threadIdx.x == 0)
        {
            for (int w = 1; w < 8; w++) top = best[w] > top ? best[w] : top;
            int id = first_id + (int)(0xffffffffu - (u32)top);
            codes[(size_t)row * codes_stride + frame[row] * slots + slot] = id;
            token[row] = id;
            position[row]++;
        }
    }
    else if (threadIdx.x == 0)
    {
        int next = frame[row] + 1;
        frame[row] = next;
        position[row]++;
        if (next < frame_count[row])
        {
            token[row] = given[(size_t)row * given_stride + next];
            codes[(size_t)row * codes_stride + next * slots] = token[row];
        }
        else active[row] = 0;
    }
}
