using NVorbis.Contracts;

namespace Yue.Engine.Audio.Readers;

/// <summary>Checks a Vorbis stream's headers before NVorbis builds its tables from them (Vorbis I, 3.2.1 and 4.2).</summary>
/// <remarks>A setup header of a few kilobytes may claim 256 codebooks of 16 million entries each, for which NVorbis would allocate
/// gigabytes. The codebooks of real encoders have about ten thousand entries in total.</remarks>
internal static class VorbisSetup
{
    private const long MaxValues = 1 << 20;
    private const int SignatureBits = 7 * 8;

    /// <summary>Checks the first three packets of a stream.</summary>
    /// <exception cref="ClipFaultException">A header is incomplete or invalid, or states too many channels or values.</exception>
    public static void Check(IReadOnlyList<OggPacket> headers)
    {
        if (headers is not [{ Data.Length: >= 30 } first, _, { Data.Length: > 7 } setup] || !setup.Data.Span.StartsWith("\u0005vorbis"u8))
        {
            throw new ClipFaultException("is cut short: its Vorbis headers are incomplete");
        }

        if (first.Data.Span[11] is var channels and (0 or > ClipFaults.MaxChannels))
        {
            throw new ClipFaultException(ClipFaults.HasChannels(channels));
        }

        IPacket bits = new VorbisPackets.Packet(setup.Data);
        bits.SkipBits(SignatureBits);
        var values = 0L;
        for (var books = (int)bits.ReadBits(8) + 1; books > 0; books--)
        {
            values += SkipCodebook(bits, MaxValues - values);
        }
    }

    /// <summary>Skips a codebook.</summary>
    /// <returns>The number of values in it.</returns>
    private static long SkipCodebook(IPacket bits, long allowed)
    {
        const int Sync = 0x564342;
        if (bits.ReadBits(24) != Sync)
        {
            throw new ClipFaultException("has Vorbis headers that cannot be read");
        }

        var dimensions = (long)bits.ReadBits(16);
        var entries = (int)bits.ReadBits(24);
        if (entries * Math.Max(1, dimensions) > allowed)
        {
            throw new ClipFaultException($"has Vorbis codebooks of more than {MaxValues} values in total");
        }

        SkipLengths(bits, entries);
        var lookup = bits.ReadBits(4);
        if (lookup is 1 or 2)
        {
            bits.SkipBits(64);
            var valueBits = (int)bits.ReadBits(4) + 1;
            bits.SkipBits(1);
            var count = lookup == 1 ? LatticeSize(entries, dimensions) : entries * dimensions;
            for (; count > 0; count--)
            {
                bits.SkipBits(valueBits);
            }
        }

        return entries * Math.Max(1, dimensions);
    }

    private static void SkipLengths(IPacket bits, int entries)
    {
        if (bits.ReadBits(1) == 1)
        {
            bits.SkipBits(5);
            for (var entry = 0; entry < entries && !bits.IsShort;)
            {
                entry += (int)bits.ReadBits(BitLength(entries - entry));
            }

            return;
        }

        var isSparse = bits.ReadBits(1) == 1;
        for (; entries > 0; entries--)
        {
            if (!isSparse || bits.ReadBits(1) == 1)
            {
                bits.SkipBits(5);
            }
        }
    }

    private static int BitLength(int value) => 32 - System.Numerics.BitOperations.LeadingZeroCount((uint)value);

    /// <summary>Returns the largest integer whose power, with the number of dimensions as the exponent, does not exceed the number of
    /// entries.</summary>
    private static long LatticeSize(int entries, long dimensions)
    {
        if (dimensions == 0)
        {
            return 0;
        }

        var size = (long)Math.Floor(Math.Pow(entries, 1.0 / dimensions)) + 1;
        while (size > 0 && Math.Pow(size, dimensions) > entries)
        {
            size--;
        }

        return size;
    }
}
