// quantize_groups:   rounds a bf16 matrix to int6 or int4 with a scale per group of 32 weights, in the format of GroupedWeights.cs. A row
//                    may be stored as the sum of two rows: the second holds the rounding errors of the first.
// dequantize_groups: the reverse, in bf16, with the terms of a row added.
// The scale of a group is the one with the smallest sum of squared errors among CANDIDATES fractions of the group's range. Groups that
// contain a value that is not finite or has a magnitude above MAX_MAGNITUDE are counted in bad_groups.
//
// Launch: blocks of 256 threads, one thread per group of the padded rows. Reference: Yue.Cuda.Tests/QuantizeGroupsTests.
// Why this version: a thread holds its group in registers, so that the search reads no memory.
#include "common.cuh"

constexpr int THREADS = 256, GROUP = 32, UNIT_GROUPS = 8, CANDIDATES = 16;
constexpr float MIN_SCALE = 8.2718061e-25f;                 // 2^-80
constexpr float MAX_MAGNITUDE = 1073741824.0f;              // 2^30
enum { INT6 = 4, INT4 = 5 };                                // WeightType

struct Scale
{
    u32 stored;
    float value;
    int zero, max_code;

    DEV Scale(int type, u32 stored)
        : stored(stored), value(__uint_as_float((type == INT4 ? stored & 0xfff0u : stored) << 16)),
          zero(type == INT4 ? (int)(stored & 15u) : 32), max_code(type == INT4 ? 15 : 63) {}

    // The scale of values between low and high, rounded to its stored bits.
    DEV static Scale of(int type, float low, float high)
    {
        float exact = type == INT4 ? (high - low) / 15.0f : fmaxf(-low, high) / 31.0f;
        u32 dropped = type == INT4 ? 20u : 16u;
        u32 rounded = (__float_as_uint(fmaxf(exact, MIN_SCALE)) + (1u << (dropped - 1u))) >> dropped;
        if (type != INT4) return Scale(type, rounded);
        Scale scale(type, rounded << 4);
        return Scale(type, rounded << 4 | (u32)min(max(__float2int_rn(-low / scale.value), 0), 15));
    }

    DEV int code(float w) const { return min(max(__float2int_rn(w / value) + zero, 0), max_code); }

    DEV float weight(int code) const { return from_bf16(to_bf16((code - zero) * value)); }
};

DEV Scale best_scale(int type, const float (&w)[GROUP])
{
    float low = 0.0f, high = 0.0f, least_error = __uint_as_float(0x7f800000u);
#pragma unroll
    for (int i = 0; i < GROUP; i++)
    {
        low = fminf(low, w[i]);
        high = fmaxf(high, w[i]);
    }
    Scale best = Scale::of(type, low, high);
    for (int candidate = 0; candidate < CANDIDATES; candidate++)
    {
        float part = 1.0f - candidate * 0.03f, sum = 0.0f;
        Scale scale = Scale::of(type, low * part, high * part);
#pragma unroll
        for (int i = 0; i < GROUP; i++)
        {
            float error = w[i] - scale.weight(scale.code(w[i]));
            sum += error * error;
        }
        if (sum < least_error)
        {
            least_error = sum;
            best = scale;
        }
    }
    return best;
}

// The byte offsets of a group's parts in a row; see GroupedWeights.cs.
struct Place
{
    u32 low, high, scale;

    DEV Place(int type, int group)
    {
        u32 unit_bytes = type == INT4 ? 144u : 208u, unit = group / UNIT_GROUPS * unit_bytes;
        u32 half = group % UNIT_GROUPS / 4, lane = group % 4;
        low = unit + half * 64u + lane * 16u;
        high = unit + 128u + lane * 16u + half * 8u;
        scale = unit + unit_bytes - 16u + lane * 4u + half * 2u;
    }
};

struct Codes
{
    u32 low[4], high[2];

    // The position of code i's lowest bit in a word of lower bits, and in a word of upper bits.
    DEV static u32 low_bit(int i) { return 4u * (i % 8 / 2) + 16u * (i & 1); }
    DEV static u32 high_bit(int i) { return 2u * (i % 16 / 2) + 16u * (i & 1); }

    DEV u32 at(int i, int type) const
    {
        u32 code = low[i / 8] >> low_bit(i) & 15u;
        return type == INT4 ? code : code | (high[i / 16] >> high_bit(i) & 3u) << 4;
    }
};

extern "C" __global__ void __launch_bounds__(THREADS) quantize_groups(
    const bf16* in, u8* out, int rows, int columns, int row_bytes, int type, int terms, u32* bad_groups)
{
    int groups = (columns / GROUP + UNIT_GROUPS - 1) / UNIT_GROUPS * UNIT_GROUPS;
    long long index = blockIdx.x * (long long)THREADS + threadIdx.x;
    int row = (int)(index / groups), group = (int)(index % groups);
    if (row >= rows) return;
    bool padding = group >= columns / GROUP, bad = false;
    float w[GROUP];
#pragma unroll
    for (int i = 0; i < GROUP; i += 8)
    {
        float eight[8] = {};
        if (!padding) unpack_bf16(*(const uint4*)(in + (size_t)row * columns + group * GROUP + i), eight);
#pragma unroll
        for (int j = 0; j < 8; j++)
        {
            w[i + j] = eight[j];
            bad = bad || !(fabsf(eight[j]) <= MAX_MAGNITUDE);
        }
    }
    if (bad) atomicAdd(bad_groups, 1u);
    Place place(type, group);
    for (int term = 0; term < terms; term++)
    {
        u8* to = out + ((size_t)row * terms + term) * row_bytes;
        Scale scale = padding ? Scale(type, 0) : best_scale(type, w);
        Codes codes = {};
#pragma unroll
        for (int i = 0; i < GROUP; i++)
        {
            int code = padding ? 0 : scale.code(w[i]);
            w[i] -= padding ? 0.0f : scale.weight(code);
            codes.low[i / 8] |= ((u32)code & 15u) << Codes::low_bit(i);
            codes.high[i / 16] |= ((u32)code >> 4) << Codes::high_bit(i);
        }
        *(uint4*)(to + place.low) = make_uint4(codes.low[0], codes.low[1], codes.low[2], codes.low[3]);
        if (type == INT6) *(uint2*)(to + place.high) = make_uint2(codes.high[0], codes.high[1]);
        *(unsigned short*)(to + place.scale) = (unsigned short)scale.stored;
    }
}

extern "C" __global__ void __launch_bounds__(THREADS) dequantize_groups(
    const u8* in, bf16* out, int rows, int columns, int row_bytes, int type, int terms)
{
    int groups = columns / GROUP;
    long long index = blockIdx.x * (long long)THREADS + threadIdx.x;
    int row = (int)(index / groups), group = (int)(index % groups);
    if (row >= rows) return;
    Place place(type, group);
    float w[GROUP] = {};
    for (int term = 0; term < terms; term++)
    {
        const u8* from = in + ((size_t)row * terms + term) * row_bytes;
        uint4 low = *(const uint4*)(from + place.low);
        uint2 high = type == INT6 ? *(const uint2*)(from + place.high) : make_uint2(0, 0);
        Codes codes = { { low.x, low.y, low.z, low.w }, { high.x, high.y } };
        Scale scale(type, *(const unsigned short*)(from + place.scale));
#pragma unroll
        for (int i = 0; i < GROUP; i++) w[i] += scale.weight((int)codes.at(i, type));
    }
#pragma unroll
    for (int i = 0; i < GROUP; i += 8)
    {
        *(uint4*)(out + (size_t)row * columns + group * GROUP + i) = make_uint4(
            pack_bf16(w[i], w[i + 1]), pack_bf16(w[i + 2], w[i + 3]), pack_bf16(w[i + 4], w[i + 5]), pack_bf16(w[i + 6], w[i + 7]));
    }
}
