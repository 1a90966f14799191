using System.Buffers.Binary;

namespace Yue.Cuda.Decode;

/// <summary>The storage format of int4 and int6 matrices: codes, with a scale per group of 32 weights of a row.</summary>
/// <remarks>
/// A weight is (code - zero point) · scale, rounded to bf16. A row consists of units of 256 weights, and the last unit is padded with
/// zeros. A unit of int4 has 144 bytes: 128 bytes of codes, then the scales of its eight groups. A unit of int6 has 208 bytes: 128 bytes
/// with the lower four bits of the codes, 64 bytes with the upper two, then the scales. Codes are in the order in which the lanes of the
/// step kernel read them (<c>multiply.cuh</c>). A scale is a bf16 number. With int4, its lowest four bits are replaced by the group's zero
/// point. With int6, the zero point is 32.
/// </remarks>
public static class GroupedWeights
{
    /// <summary>The number of weights of a row that share a scale.</summary>
    public const int GroupSize = 32;

    /// <summary>The number of weights per unit.</summary>
    public const int UnitSize = 256;

    /// <summary>The number of stored rows whose sum is a row of the head. Rounding errors of the head affect the scores directly, and the
    /// head is only a small part of the weights that a step reads, so it is stored with twice the bits.</summary>
    public const int HeadTerms = 2;

    /// <summary>The size of the scales at the end of a unit, in bytes.</summary>
    public const int ScaleBytesPerUnit = UnitSize / GroupSize * sizeof(ushort);

    /// <summary>The largest magnitude that a weight may have.</summary>
    public const float MaxMagnitude = 1 << 30;

    private const int GroupsPerUnit = UnitSize / GroupSize;
    private const int LowBytes = UnitSize / 2;
    private const int HighBytes = UnitSize / 4;
    private const int EightsPerGroup = GroupSize / 8;

    private static readonly Place[] Places = [.. Enumerable.Range(0, UnitSize).Select(PlaceOf)];

    /// <summary>Returns true if a type's matrices are stored in this format.</summary>
    public static bool AppliesTo(WeightType type) => type is WeightType.Int6 or WeightType.Int4;

    /// <summary>Returns the number of codes of a type.</summary>
    public static int Levels(WeightType type) => type == WeightType.Int4 ? 16 : 64;

    /// <summary>Returns the size of a row in bytes.</summary>
    public static long RowBytes(WeightType type, long columns) => (columns + UnitSize - 1) / UnitSize * UnitBytes(type);

    /// <summary>Stores a row.</summary>
    /// <param name="type">Int4 or int6.</param>
    /// <param name="codes">One code per weight; their number is a multiple of 32.</param>
    /// <param name="scales">One scale per group, as returned by <see cref="ScaleOf"/>.</param>
    /// <param name="row">Receives the row, of <see cref="RowBytes"/> bytes.</param>
    public static void Pack(WeightType type, ReadOnlySpan<byte> codes, ReadOnlySpan<ushort> scales, Span<byte> row)
    {
        CheckSizes(type, codes.Length, scales.Length, row.Length);
        row.Clear();
        for (var k = 0; k < codes.Length; k++)
        {
            var (unit, place) = (k / UnitSize * UnitBytes(type), Places[k % UnitSize]);
            row[unit + place.Low] |= (byte)((codes[k] & 15) << place.LowShift);
            if (type == WeightType.Int6)
            {
                row[unit + place.High] |= (byte)((codes[k] >> 4) << place.HighShift);
            }
        }

        for (var group = 0; group < scales.Length; group++)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(row[ScalePlaceOf(type, group)..], scales[group]);
        }
    }

    /// <summary>Reads the weights of a stored row.</summary>
    /// <param name="type">Int4 or int6.</param>
    /// <param name="row">The stored row.</param>
    /// <param name="weights">Receives the weights; their number is a multiple of 32.</param>
    public static void Unpack(WeightType type, ReadOnlySpan<byte> row, Span<float> weights)
    {
        CheckSizes(type, weights.Length, weights.Length / GroupSize, row.Length);
        for (var group = 0; group < weights.Length / GroupSize; group++)
        {
            var (scale, zero) = ValuesOf(type, BinaryPrimitives.ReadUInt16LittleEndian(row[ScalePlaceOf(type, group)..]));
            var unit = row[(group / GroupsPerUnit * UnitBytes(type))..];
            var first = group % GroupsPerUnit * GroupSize;
            for (var k = 0; k < GroupSize; k++)
            {
                var place = Places[first + k];
                var code = (unit[place.Low] >> place.LowShift) & 15;
                if (type == WeightType.Int6)
                {
                    code |= ((unit[place.High] >> place.HighShift) & 3) << 4;
                }

                weights[(group * GroupSize) + k] = RoundToBFloat16((code - zero) * scale);
            }
        }
    }

    /// <summary>Returns the stored form of a scale and a zero point.</summary>
    /// <param name="type">Int4 or int6.</param>
    /// <param name="scale">A positive number; rounded to four significant bits (int4) or eight (int6).</param>
    /// <param name="zero">The zero point, 0 to 15; ignored for int6.</param>
    public static ushort ScaleOf(WeightType type, float scale, int zero)
    {
        var droppedBits = type == WeightType.Int4 ? 20 : 16;
        var bits = BitConverter.SingleToUInt32Bits(scale);
        var rounded = (bits + (1u << (droppedBits - 1))) >> droppedBits;
        return (ushort)(type == WeightType.Int4 ? (rounded << 4) | (uint)zero : rounded);
    }

    /// <summary>Returns a stored scale and its zero point.</summary>
    public static (float Scale, int Zero) ValuesOf(WeightType type, ushort stored) => type == WeightType.Int4
        ? (BitConverter.UInt32BitsToSingle((stored & 0xfff0u) << 16), stored & 15)
        : (BitConverter.UInt32BitsToSingle((uint)stored << 16), 32);

    private static int UnitBytes(WeightType type) => type switch
    {
        WeightType.Int4 => LowBytes + (GroupsPerUnit * sizeof(ushort)),
        WeightType.Int6 => LowBytes + HighBytes + (GroupsPerUnit * sizeof(ushort)),
        _ => throw new ArgumentException($"{type} has no groups", nameof(type)),
    };

    // Each half of a unit is read by four lanes, one group per lane. A lane reads 16 bytes of lower bits: one word per eight weights, with
    // the even weights in the lower half of the word and the odd weights in the upper half. The eight bytes of upper bits have the same
    // order, with one word per 16 weights.
    private static Place PlaceOf(int k)
    {
        var (half, lane) = (k / 128, k % 128 / GroupSize);
        var (eight, pair, odd) = (k % GroupSize / 8, k % 8 / 2, k % 2);
        var lowBit = (4 * pair) + (16 * odd);
        var highBit = (2 * ((eight % 2 * EightsPerGroup) + pair)) + (16 * odd);
        return new Place(
            (64 * half) + (16 * lane) + (4 * eight) + (lowBit / 8), lowBit % 8,
            LowBytes + (16 * lane) + (8 * half) + (eight / 2 * 4) + (highBit / 8), highBit % 8);
    }

    private static int ScalePlaceOf(WeightType type, int group)
    {
        var (unit, half, lane) = (group / GroupsPerUnit, group % GroupsPerUnit / 4, group % 4);
        return ((unit + 1) * UnitBytes(type)) - (GroupsPerUnit * sizeof(ushort)) + (4 * lane) + (2 * half);
    }

    private static float RoundToBFloat16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return BitConverter.UInt32BitsToSingle((bits + 0x7fffu + ((bits >> 16) & 1u)) & 0xffff0000u);
    }

    private static void CheckSizes(WeightType type, int columns, int groups, int bytes)
    {
        if (columns % GroupSize != 0 || groups != columns / GroupSize || bytes != RowBytes(type, columns))
        {
            throw new ArgumentException(
                $"columns: {columns}, groups: {groups}, bytes: {bytes}; a row of {type} has a multiple of {GroupSize} columns, "
                    + $"a scale per {GroupSize} columns, and {RowBytes(type, columns)} bytes");
        }
    }

    /// <summary>The positions of a code's lower and upper bits in its unit: the bytes, and the shifts within them.</summary>
    private readonly record struct Place(int Low, int LowShift, int High, int HighShift);
}
