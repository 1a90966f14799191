// Types, bf16 conversion, PTX wrappers. No CUDA header is included, so NVRTC needs no include folder.
#pragma once

typedef unsigned char u8;
typedef unsigned short bf16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define DEV __device__ __forceinline__

DEV float from_bf16(bf16 v) { return __uint_as_float((u32)v << 16); }

// Rounds to nearest even; a NaN stays a NaN.
DEV bf16 to_bf16(float v)
{
    u32 bits = __float_as_uint(v);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fff;
    return (bf16)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

// Two values in one register, the first in the low half.
DEV u32 pack_bf16(float low, float high)
{
    u32 r;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
    return r;
}

// Rounds to the nearest e4m3 number, ties to even. Values beyond 448 become 448, and a NaN stays a NaN.
DEV u32 to_e4m3(float v)
{
    u32 bits = __float_as_uint(v), sign = bits >> 24 & 0x80u;
    float size = fabsf(v);
    if (size != size) return sign | 0x7fu;
    if (size >= 448.0f) return sign | 0x7eu;
    if (size < 0.015625f) return sign | (u32)__float2int_rn(size * 512.0f);
    bits &= 0x7fffffffu;
    return sign | (((bits + 0x7ffffu + (bits >> 20 & 1u)) >> 20) - (120u << 3));
}

DEV float from_e4m3(u32 code)
{
    if ((code & 0x7fu) == 0x7fu) return __uint_as_float(0x7fc00000u);

    // When the code's bits are moved to the exponent and fraction of a float32, they represent the value times 2^-120.
    return __uint_as_float((code & 0x80u) << 24 | (code & 0x7fu) << 20) * 1.329227995784916e36f;
}

// Converts four e4m3 values to pairs of bf16 by moving their bits. Each result is the value times 2^-120.
DEV void widen_e4m3(u32 w, u32& low, u32& high)
{
    // Puts each byte below eight copies of its sign bit, then shifts and masks to S....EEEEMMM....
    asm("prmt.b32 %0, %1, %1, 0x9180;" : "=r"(low) : "r"(w));
    asm("prmt.b32 %0, %1, %1, 0xb3a2;" : "=r"(high) : "r"(w));
    low = low << 4 & 0x87f087f0u;
    high = high << 4 & 0x87f087f0u;
}

// The same for a register from ldmatrix_trans: converts bytes 0 and 2 to one pair, and bytes 1 and 3 to the other.
DEV void widen_e4m3_alternate(u32 w, u32& even, u32& odd)
{
    asm("prmt.b32 %0, %1, %1, 0xa280;" : "=r"(even) : "r"(w));
    asm("prmt.b32 %0, %1, %1, 0xb391;" : "=r"(odd) : "r"(w));
    even = even << 4 & 0x87f087f0u;
    odd = odd << 4 & 0x87f087f0u;
}

DEV void unpack_bf16(const uint4& v, float (&out)[8])
{
    const u32 in[4] = { v.x, v.y, v.z, v.w };
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
        out[2 * i] = __uint_as_float(in[i] << 16);
        out[2 * i + 1] = __uint_as_float(in[i] & 0xffff0000u);
    }
}

// Loads from L2 only, for values that other blocks of the same launch wrote before a grid barrier.
DEV uint4 load_shared_u4(const void* p)
{
    uint4 v;
    asm volatile("ld.global.cg.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p) : "memory");
    return v;
}

DEV float4 load_shared_f4(const void* p)
{
    float4 v;
    asm volatile("ld.global.cg.v4.f32 {%0,%1,%2,%3}, [%4];" : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w) : "l"(p) : "memory");
    return v;
}

DEV float2 load_shared_f2(const void* p)
{
    float2 v;
    asm volatile("ld.global.cg.v2.f32 {%0,%1}, [%2];" : "=f"(v.x), "=f"(v.y) : "l"(p) : "memory");
    return v;
}

DEV float load_shared_f(const void* p)
{
    float v;
    asm volatile("ld.global.cg.f32 %0, [%1];" : "=f"(v) : "l"(p) : "memory");
    return v;
}

// Loads 16 bytes that are read only once, bypassing L1.
DEV uint4 load_stream(const void* p)
{
    uint4 v;
    asm volatile("ld.global.nc.L1::no_allocate.L2::256B.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p));
    return v;
}

DEV uint4 lds128(u32 address)
{
    uint4 v;
    asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "r"(address) : "memory");
    return v;
}

DEV uint2 lds64(u32 address)
{
    uint2 v;
    asm volatile("ld.shared.v2.u32 {%0,%1}, [%2];" : "=r"(v.x), "=r"(v.y) : "r"(address) : "memory");
    return v;
}

DEV float lds32(u32 address)
{
    float v;
    asm volatile("ld.shared.f32 %0, [%1];" : "=f"(v) : "r"(address) : "memory");
    return v;
}

DEV void sts128(u32 address, uint4 v)
{
    asm volatile("st.shared.v4.u32 [%0], {%1,%2,%3,%4};" : : "r"(address), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w) : "memory");
}

DEV u32 shared_address(const void* p)
{
    u64 a;
    asm("cvta.to.shared.u64 %0, %1;" : "=l"(a) : "l"(p));
    return (u32)a;
}

// c[16 x 8] += a[16 x 16] * b[8 x 16]^T, bf16 in, float32 sums. Lane l holds rows l/4 and l/4+8 of a and c, row l/4 of b.
DEV void mma_bf16(float (&c)[4], u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1)
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

// Returns a * b + c for each of the two bf16 values of a register, rounded once; subnormal numbers are kept.
DEV u32 fma_bf16(u32 a, u32 b, u32 c)
{
    u32 r;
    asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(r) : "r"(a), "r"(b), "r"(c));
    return r;
}

// Transposes an 8 x 8 tile of 16-bit values, two per lane.
DEV u32 transpose_tile(u32 v)
{
    u32 r;
    asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(r) : "r"(v));
    return r;
}

// Returns the sum over the lanes of a warp; all lanes get it.
DEV float warp_sum(float v)
{
#pragma unroll
    for (int x = 16; x; x >>= 1) v += __shfl_xor_sync(0xffffffffu, v, x);
    return v;
}

DEV float power_of_two(float v)
{
    float r;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(v));
    return r;
}

// Loads four 8 x 8 tiles of 16-bit values and transposes each, for an operand that is stored in shared memory with k as the row index.
DEV uint4 ldmatrix_trans(u32 address)
{
    uint4 v;
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
        : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "r"(address) : "memory");
    return v;
}
