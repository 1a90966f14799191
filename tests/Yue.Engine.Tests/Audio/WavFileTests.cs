using System.Buffers.Binary;
using CsCheck;
using Xunit;
using Yue.Engine.Audio;
using Yue.Testing;

namespace Yue.Engine.Tests.Audio;

public sealed class WavFileTests
{
    private static readonly byte[] FloatGuid = [3, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];

    [Fact]
    public void Samples_of_two_channels_are_written_interleaved()
    {
        float[] samples = [0.5f, -0.5f, 0.25f, 0];
        var file = WavFile.ToBytes(new AudioClip(samples, 48_000, Channels: 2));
        var read = WavFile.Parse(file);
        Assert.Equal((2, 48_000), (read.Channels, read.SampleRateHz));
        Assert.Equal(samples, read.Interleaved);
        Assert.Equal(new PcmFormat(48_000, 2), WavFile.FormatOf(file));
        Assert.Equal(new PcmFormat(48_000, 2), WavFile.FormatOf(WavFile.StreamHeader(new(48_000, 2))));
    }

    [Fact]
    public void Sixteen_bit_samples_are_read_as_they_were_written()
    {
        Gen.Short.Array[0, 5000].Sample(steps =>
        {
            float[] samples = [.. steps.Select(step => step / 32768f)];
            var read = WavFile.Parse(WavFile.ToBytes(new AudioClip(samples, 44100)));
            Assert.Equal((1, 44100), (read.Channels, read.SampleRateHz));
            Assert.Equal(samples, read.Interleaved);
        }, iter: 50);
    }

    [Fact]
    public void Samples_are_rounded_to_the_nearest_step()
    {
        var samples = Signals.Noise(30_000, peak: 0.9999f);
        TensorAssert.Close(samples, WavFile.Parse(WavFile.ToBytes(new AudioClip(samples, 16000))).Interleaved, 0.5 / 32768);
    }

    [Fact]
    public void Samples_past_full_scale_are_clipped()
    {
        var file = WavFile.ToBytes(new AudioClip([1f, -1f, 1.0001f, -1.5f, float.PositiveInfinity, 0.25f], 16000));
        Assert.Equal([32767, -32768, 32767, -32768, 32767, 8192], Steps(file));
    }

    /// <summary>These bytes must not change between versions, because clients compare them.</summary>
    [Fact]
    public void A_file_is_a_plain_header_of_44_bytes_and_the_samples()
    {
        Assert.Equal(
            "52494646" + "2C000000" + "57415645" + "666D7420" + "10000000" + "0100" + "0100"
                + "44AC0000" + "88580100" + "0200" + "1000" + "64617461" + "08000000"
                + "0020" + "FF7F" + "0080" + "0100",
            Convert.ToHexString(WavFile.ToBytes(new AudioClip([0.25f, 0.99999f, -1.5f, 0.00002f], 44100))));
    }

    [Fact]
    public void A_sample_that_is_not_a_number_is_refused()
    {
        var error = Assert.Throws<ArgumentException>(() => WavFile.ToBytes(new AudioClip([0, float.NaN], 16000)));
        Assert.Contains("sample 1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_header_states_the_sample_rate_and_the_sizes()
    {
        var file = WavFile.ToBytes(new AudioClip(new float[7], 44100));

        Assert.Equal(44 + 14, file.Length);
        Assert.Equal(50u, BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(4)));
        Assert.Equal(44100u, BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(24)));
        Assert.Equal(88200u, BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(28)));
        Assert.Equal(14u, BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(40)));
    }

    public static TheoryData<string, byte[], float[]> Encodings => new()
    {
        { "8 bit", [0, 128, 255, 64], [-1, 0, 127 / 128f, -0.5f] },
        { "16 bit", [0, 0x80, 0xFF, 0x7F, 0, 0x40, 0, 0], [-1, 32767 / 32768f, 0.5f, 0] },
        { "24 bit", [0, 0, 0x80, 0xFF, 0xFF, 0x7F, 0, 0, 0x40, 1, 0, 0], [-1, 8388607 / 8388608f, 0.5f, 1 / 8388608f] },
        { "32 bit", [0, 0, 0, 0x80, 0, 0, 0, 0x40, 0, 0, 0, 0xC0, 0, 0, 0, 0], [-1, 0.5f, -0.5f, 0] },
    };

    [Theory]
    [MemberData(nameof(Encodings))]
    public void Pcm_of_every_width_is_read(string bits, byte[] data, float[] expected)
    {
        var read = WavFile.Parse(File(Format(1, channels: 2, 22050, int.Parse(bits.Split(' ')[0], null)), ("data", data)));

        Assert.Equal((2, 22050), (read.Channels, read.SampleRateHz));
        Assert.Equal(expected, read.Interleaved);
    }

    [Fact]
    public void Floats_are_read_with_plain_and_extensible_headers_and_unknown_chunks()
    {
        float[] samples = [0.25f, -1.5f, 3e-9f];
        var data = new byte[12];
        Buffer.BlockCopy(samples, 0, data, 0, 12);
        var plain = Format(3, channels: 3, 48000, 32);
        byte[] extensible = [.. Format(0xFFFE, channels: 3, 48000, 32), 22, 0, 32, 0, 7, 0, 0, 0, .. FloatGuid];

        Assert.Equal(samples, WavFile.Parse(File(plain, ("data", data))).Interleaved);
        Assert.Equal(samples, WavFile.Parse(File(extensible, ("LIST", [1, 2, 3]), ("fact", [0, 0, 0, 0]), ("data", data))).Interleaved);
    }

    [Fact]
    public void Data_of_unknown_size_runs_to_the_end_of_the_file()
    {
        var file = File(Format(1, channels: 1, 16000, 16), ("data", [0, 0x40, 0, 0xC0, 9, 0, 7]));
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(40), uint.MaxValue);
        Assert.Equal([0.5f, -0.5f, 9 / 32768f], WavFile.Parse(file).Interleaved);
        Assert.Equal([0.5f, -0.5f], WavFile.Parse(file[..48]).Interleaved);
    }

    [Fact]
    public void Mono_is_the_mean_of_the_channels()
    {
        var mono = new WavSound([1, 0, 0.5f, -0.5f, 0.25f, 0.75f], 2, 8000).ToMono();
        Assert.Equal([0.5f, 0, 0.5f], mono.Samples);
        Assert.Equal(8000, mono.SampleRateHz);
    }

    public static TheoryData<string, byte[]> HostileFiles => new()
    {
        { "begin with RIFF", [] },
        { "begin with RIFF", "RIFF\0\0\0\0WAV"u8.ToArray() },
        { "no data chunk", "RIFF\0\0\0\0WAVE"u8.ToArray() },
        { "no data chunk", File(Format(1, 1, 16000, 16)) },
        { "data before its format", File([], ("data", new byte[4])) },
        { "format chunk of 15 bytes", File(Format(1, 1, 16000, 16)[..15], ("data", new byte[4])) },
        { "tag 2 and 4 bits", File(Format(2, 1, 16000, 4), ("data", new byte[4])) },
        { "(channels: 1, bits: 12, bytes per block: 1)", File(Format(1, 1, 16000, 12), ("data", new byte[4])) },
        { "tag 3 and 16 bits", File(Format(3, 1, 16000, 16), ("data", new byte[8])) },
        { "channels: 0", File(Format(1, 0, 16000, 16), ("data", new byte[4])) },
        { "bytes per block: 7", File(WithBlock(Format(1, 2, 16000, 16), 7), ("data", new byte[7])) },
        { "bytes per block: 10", File(WithBlock(Format(1, 2, 16000, 16), 10), ("data", new byte[10])) },
        { "0 Hz", File(Format(1, 1, 0, 16), ("data", new byte[4])) },
        { "4294967295 Hz", File(Format(1, 1, -1, 16), ("data", new byte[4])) },
        { "not a whole number of blocks", File(Format(1, 2, 16000, 16), ("data", new byte[6])) },
        { "extensible", File([.. Format(0xFFFE, 1, 16000, 32), 22, 0, 32, 0, 0, 0, 0, 0, .. new byte[16]], ("data", new byte[4])) },
        { "extensible", File(Format(0xFFFE, 1, 16000, 32), ("data", new byte[4])) },
        { "cut short", File(Format(1, 1, 16000, 16), ("data", new byte[8]))[..^2] },
        { "cut short", Oversized("LIST") },
        { "cut short", Oversized("fmt ") },
    };

    [Theory]
    [MemberData(nameof(HostileFiles))]
    public void A_hostile_file_is_refused_with_the_reason(string problem, byte[] file)
    {
        var error = Assert.Throws<InvalidDataException>(() => WavFile.Parse(file));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_bytes_give_sound_or_the_documented_exception()
    {
        var good = File(Format(1, channels: 2, 44100, 24), ("LIST", [1, 2, 3]), ("data", new byte[60]));
        Gen.Select(Gen.Int[0, good.Length], Gen.Int[0, good.Length - 1].Array[0, 4], Gen.Byte.Array[4]).Sample((length, places, values) =>
        {
            var file = (byte[])good.Clone();
            for (var i = 0; i < places.Length; i++)
            {
                file[places[i]] = values[i];
            }

            try
            {
                var sound = WavFile.Parse(file[..length]);
                Assert.InRange(sound.Interleaved.Length, 0, length);
                Assert.Equal(0, sound.Interleaved.Length % sound.Channels);
            }
            catch (InvalidDataException)
            {
                // Rejected, which is also a valid outcome.
            }
        }, iter: 5000);
    }

    private static short[] Steps(byte[] file) =>
        [.. Enumerable.Range(0, (file.Length - 44) / 2).Select(i => BinaryPrimitives.ReadInt16LittleEndian(file.AsSpan(44 + (2 * i))))];

    private static byte[] Format(int tag, int channels, int sampleRateHz, int bits)
    {
        var chunk = new byte[16];
        BinaryPrimitives.WriteUInt16LittleEndian(chunk, (ushort)tag);
        BinaryPrimitives.WriteUInt16LittleEndian(chunk.AsSpan(2), (ushort)channels);
        BinaryPrimitives.WriteInt32LittleEndian(chunk.AsSpan(4), sampleRateHz);
        BinaryPrimitives.WriteUInt16LittleEndian(chunk.AsSpan(14), (ushort)bits);
        return WithBlock(chunk, channels * (bits / 8));
    }

    private static byte[] WithBlock(byte[] format, int blockBytes)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(format.AsSpan(12), (ushort)blockBytes);
        return format;
    }

    private static byte[] Oversized(string id)
    {
        var file = File([], (id, new byte[40]));
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(16), 0x7FFF_FFFF);
        return file;
    }

    /// <summary>Returns a file that consists of a format chunk (omitted if <paramref name="format"/> is empty) and the given chunks. All
    /// chunks except data are padded to even lengths.</summary>
    private static byte[] File(byte[] format, params (string Id, byte[] Data)[] chunks)
    {
        List<byte> file = [.. "RIFF\0\0\0\0WAVE"u8];
        foreach (var (id, data) in format.Length > 0 ? [("fmt ", format), .. chunks] : chunks)
        {
            var size = new byte[4];
            BinaryPrimitives.WriteInt32LittleEndian(size, data.Length);
            file.AddRange([.. System.Text.Encoding.ASCII.GetBytes(id), .. size, .. data]);
            if (data.Length % 2 == 1 && id != "data")
            {
                file.Add(0);
            }
        }

        return [.. file];
    }
}
