using System.Buffers.Binary;
using System.Runtime.Versioning;
using CsCheck;
using Xunit;
using Yue.Engine.Audio;
using Yue.Engine.Songs;
using Yue.Testing;

namespace Yue.Engine.Tests.Audio;

/// <summary>Tests the formats that are read without ffmpeg. None of these tests needs ffmpeg.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class SoundReaderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("yue-readers-").FullName;
    private readonly AudioDecoder _decoder;

    /// <summary>Creates a decoder without ffmpeg by using an empty folder for programs.</summary>
    public SoundReaderTests() => _decoder = new AudioDecoder(programFolder: _folder, tempFolder: _folder);

    public void Dispose()
    {
        Assert.Empty(Directory.GetFiles(_folder));
        Directory.Delete(_folder);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(0x7FFF_0000u)]
    [InlineData(0x7FFF_F000u)]
    [InlineData(0x7FFF_FFFFu)]
    [InlineData(0x8000_0000u)]
    [InlineData(0xFFFF_FFDBu)]
    [InlineData(0xFFFF_FFFFu)]
    public async Task Data_with_a_placeholder_length_is_read_to_the_end_of_the_file(uint claimed)
    {
        var data = Pcm16(TestWav.Sine(16_000, 440, 1.5));
        var (sound, fault, warning) = await DecodeAsync(TestWav.File(1, 16_000, 1, 16, [.. data, 7], claimed));
        Assert.Equal((null, null), (fault, warning));
        Assert.Equal(1.5, sound!.DurationSeconds);
        TensorAssert.Close(TestWav.Sine(16_000, 440, 1.5), sound.Channels[0], 1.0 / 32768);
    }

    [Theory]
    [InlineData(16, 3)]
    [InlineData(20, 3)]
    [InlineData(24, 4)]
    [InlineData(12, 2)]
    public async Task A_padded_sample_is_read_with_the_size_of_its_container(int bits, int containerBytes)
    {
        var samples = TestWav.Sine(16_000, 440, 1.5);
        var data = samples.SelectMany(sample => LeftJustified(sample, containerBytes)).ToArray();
        foreach (var isExtensible in (bool[])[true, false])
        {
            var sound = await ReadAsync(Wav(isExtensible, bits, containerBytes, data));
            Assert.Equal(1.5, sound.DurationSeconds);
            TensorAssert.Close(samples, sound.Channels[0], 1.0 / 32768);
        }
    }

    [Fact]
    public async Task A_law_mu_law_and_double_samples_are_read()
    {
        double[] doubles = [0.25, -0.5, 1e-9];
        var sound = await ReadAsync(TestWav.File(3, 8000, 1, 64, [.. doubles.SelectMany(BitConverter.GetBytes)]));
        Assert.Equal([0.25f, -0.5f, 1e-9f], sound.Channels[0]);
        var (aLaw, muLaw) = (
            await ReadAsync(TestWav.File(6, 8000, 1, 8, [0x55, 0xD5])), await ReadAsync(TestWav.File(7, 8000, 1, 8, [0x00, 0xFF])));
        Assert.Equal([-8f / 32768, 8f / 32768], aLaw.Channels[0]);
        Assert.Equal([-32124f / 32768, 0], muLaw.Channels[0]);
    }

    public static TheoryData<string?, int, byte[], float[]> AiffEncodings => new()
    {
        { null, 8, [0x80, 0, 0x7F, 0x40], [-1, 0, 127 / 128f, 0.5f] },
        { null, 16, [0x80, 0, 0x40, 0], [-1, 0.5f] },
        { "NONE", 24, [0x80, 0, 0, 0, 0, 1], [-1, 1 / 8388608f] },
        { "twos", 32, [0x40, 0, 0, 0], [0.5f] },
        { "sowt", 16, [0, 0x80, 0, 0x40], [-1, 0.5f] },
        { "fl32", 32, [0x3E, 0x80, 0, 0], [0.25f] },
        { "fl64", 64, [0x3F, 0xD0, 0, 0, 0, 0, 0, 0], [0.25f] },
    };

    [Theory]
    [MemberData(nameof(AiffEncodings))]
    public async Task Every_aiff_encoding_is_read(string? compression, int bits, byte[] data, float[] expected)
    {
        var sound = await ReadAsync(TestAiff.File(compression, bits, data));
        Assert.Equal(16_000, sound.SampleRateHz);
        Assert.Equal(expected, Assert.Single(sound.Channels));
    }

    [Theory]
    [InlineData("mp3", 16_000)]
    [InlineData("ogg", 16_000)]
    [InlineData("opus", 48_000)]
    public async Task Decoded_sound_starts_at_the_same_time_as_before_encoding(string kind, int rateHz)
    {
        var (sound, fault, warning) = await DecodeAsync(TestClips.ChirpFile(kind));
        Assert.Equal((null, null), (fault, warning));
        Assert.Equal((rateHz, TestClips.ChirpSeconds), (sound!.SampleRateHz, sound.DurationSeconds));
        var (expected, actual) = (TestClips.Chirp(rateHz), Assert.Single(sound.Channels));
        Assert.Equal(expected.Length, actual.Length);

        // The tolerance is one sample at the codec's rate, to which clips are resampled. The filters of encoders shift the phase by less.
        var oneSample = rateHz / SongReference.SampleRateHz;
        Assert.InRange(Enumerable.Range(-600, 1200).MaxBy(lag => Correlation(expected, actual, lag)), -oneSample, oneSample);

        // Low bit rates change only levels and details.
        var (expectedPower, actualPower) = (Correlation(expected, expected, 0), Correlation(actual, actual, 0));
        Assert.True(Correlation(expected, actual, 0) > 0.9 * Math.Sqrt(expectedPower * actualPower));
    }

    private static double Correlation(float[] expected, float[] actual, int lag)
    {
        const int Margin = 2000;
        return Enumerable.Range(Margin, expected.Length - (2 * Margin)).Sum(i => (double)expected[i] * actual[i + lag]);
    }

    [Theory]
    [InlineData("mp3")]
    [InlineData("ogg")]
    [InlineData("opus")]
    [InlineData("wav")]
    [InlineData("aiff")]
    public async Task A_truncated_file_is_refused_or_causes_a_warning(string kind)
    {
        var whole = kind switch
        {
            "wav" => TestWav.File(1, 16_000, 1, 16, Pcm16(TestClips.Chirp(16_000))),
            "aiff" => TestAiff.File(null, 16, new byte[48_000]),
            _ => TestClips.ChirpFile(kind),
        };
        Assert.Equal((null, null), FaultAndWarning(await DecodeAsync(whole)));
        foreach (var share in (double[])[0.2, 0.5, 0.75, 0.9])
        {
            var (fault, warning) = FaultAndWarning(await DecodeAsync(whole[..(int)(share * whole.Length)]));
            Assert.Contains("cut short", fault ?? warning, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Over_a_second_of_missing_sound_is_an_error_and_less_is_a_warning()
    {
        var data = new byte[16_000 * 2];
        Assert.Equal(
            ("is cut short: its header states 3 s, but it contains 1 s", null),
            FaultAndWarning(await DecodeAsync(TestWav.File(1, 16_000, 1, 16, data, 96_000))));
        Assert.Equal(
            (null, "is cut short: its header states 1.5 s, but it contains 1 s"),
            FaultAndWarning(await DecodeAsync(TestWav.File(1, 16_000, 1, 16, data, 48_000))));
        Assert.Equal((null, null), FaultAndWarning(await DecodeAsync(TestWav.File(1, 16_000, 1, 16, data, 32_002))));
    }

    [Fact]
    public async Task Pictures_and_tags_are_skipped()
    {
        var mp3 = TestClips.ChirpFile("mp3");
        byte[] gif = [.. "APIC"u8, 0, 0, 0x07, 0x76, 0, 0, .. "\0image/gif\0\x03\0GIF89a"u8, .. Enumerable.Repeat((byte)0xFF, 1000)];
        byte[] tagged =
        [
            .. "ID3\x03\0\0"u8, 0, 0, 8, 0, .. gif[..Math.Min(gif.Length, 1024)],
            .. new byte[Math.Max(0, 1024 - gif.Length)], .. mp3, .. "TAG"u8, .. new byte[125]
        ];
        var (plain, withTags) = (await ReadAsync(mp3), await ReadAsync(tagged));
        Assert.Equal(plain.Channels[0], withTags.Channels[0]);
    }

    [Fact]
    public async Task Sound_after_the_range_is_not_decoded()
    {
        float[] samples = [.. TestWav.Sine(8000, 440, 2), .. Enumerable.Repeat(float.NaN, 8000)];
        var file = TestWav.OfFloats(8000, 1, samples);
        var decoding = await _decoder.DecodeAsync(file, 0, 2, TestContext.Current.CancellationToken);
        Assert.Equal(3, decoding.Sound!.DurationSeconds);
        Assert.Equal(samples[..16_000], decoding.Sound.Channels[0]);
        Assert.Contains(
            "has the sample NaN at 2 s", (await _decoder.DecodeAsync(file, 0, 3, TestContext.Current.CancellationToken)).Fault,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Decoding_that_takes_too_long_is_stopped()
    {
        var decoder = new AudioDecoder(_folder, _folder, TimeSpan.Zero);
        foreach (var kind in (string[])["mp3", "ogg", "opus"])
        {
            Assert.Equal(
                "took longer than 0 s to decode",
                (await decoder.DecodeAsync(TestClips.ChirpFile(kind), 0, 60, TestContext.Current.CancellationToken)).Fault);
        }
    }

    [Fact]
    public async Task An_mp3_file_longer_than_ten_minutes_is_refused_in_bounded_memory()
    {
        // 8 kbit/s at 8 kHz: frames of 72 bytes and 72 ms, so 60 MB would play for 16 hours.
        byte[] frame = [0xFF, 0xE3, 0x18, 0xC4, .. new byte[68]];
        var bomb = new byte[frame.Length * 800_000];
        for (var at = 0; at < bomb.Length; at += frame.Length)
        {
            frame.CopyTo(bomb, at);
        }

        var before = GC.GetTotalAllocatedBytes();
        Assert.Equal("is longer than 10 minutes", (await DecodeAsync(bomb)).Fault);
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 50 << 20);
    }

    [Theory]
    [InlineData("mp3")]
    [InlineData("ogg")]
    [InlineData("opus")]
    [InlineData("wav")]
    [InlineData("aiff")]
    public void Damaged_bytes_give_sound_or_an_error(string kind)
    {
        var good = kind switch
        {
            "wav" => TestWav.File(1, 16_000, 2, 24, new byte[600]),
            "aiff" => TestAiff.File("sowt", 16, new byte[600]),
            _ => TestClips.ChirpFile(kind),
        };
        Gen.Select(Gen.Int[0, good.Length - 1].Array[1, 20], Gen.Byte.Array[20], Gen.Bool).Sample((places, values, inHeader) =>
        {
            var file = (byte[])good.Clone();
            for (var i = 0; i < places.Length; i++)
            {
                file[inHeader ? places[i] % Math.Min(file.Length, 4500) : places[i]] = values[i];
            }

            if (kind is "ogg" or "opus")
            {
                TestOgg.WriteChecksums(file);
            }

            var decoding = _decoder.DecodeAsync(file, 0, 60, TestContext.Current.CancellationToken).GetAwaiter().GetResult();
            Assert.True(decoding.Sound is not null ^ decoding.Fault is not null);
        }, iter: 300);
    }

    [Theory]
    [InlineData(1, 1, 0, 18, "has an Opus header of 18 bytes; at least 19 are needed")]
    [InlineData(16, 1, 0, 19, "has an Opus header of version 16; versions up to 15 are supported")]
    [InlineData(1, 0, 0, 19, "has 0 channels; 1 to 8 are supported")]
    [InlineData(1, 9, 1, 30, "has 9 channels; 1 to 8 are supported")]
    [InlineData(1, 3, 0, 24, "has an Opus header with 3 channels and mapping family 0, which allows 1 or 2")]
    [InlineData(1, 3, 1, 23, "has an Opus header of 23 bytes; with its channel mapping table, at least 24 are needed")]
    public async Task An_invalid_opus_header_is_refused_with_the_reason(int version, int channels, int family, int bytes, string reason) =>
        Assert.Equal(reason, (await DecodeAsync(TestOgg.OpusWithHeader(version, channels, family, bytes))).Fault);

    [Fact]
    public async Task Flac_and_m4a_are_refused_with_advice_if_ffmpeg_is_missing()
    {
        byte[] flac = [.. "fLaC"u8, 0x80, 0, 0, 34, .. new byte[60]];
        byte[] m4a = [0, 0, 0, 16, .. "ftypM4A "u8, 0, 0, 0, 0, 0, 0, 0, 8, .. "moov"u8];
        const string Fix = "Install ffmpeg, or send wav, aiff, mp3 or ogg";
        Assert.Contains(
            $"is a flac file, which needs ffmpeg and ffprobe, but they are not installed here. {Fix}",
            (await DecodeAsync(flac)).Fault, StringComparison.Ordinal);
        Assert.Contains(
            $"is an m4a file, which needs ffmpeg and ffprobe, but they are not installed here. {Fix}",
            (await DecodeAsync(m4a)).Fault, StringComparison.Ordinal);
    }

    private Task<ClipDecoding> DecodeAsync(byte[] file) => _decoder.DecodeAsync(file, 0, 60, TestContext.Current.CancellationToken);

    private async Task<DecodedSound> ReadAsync(byte[] file)
    {
        var (sound, fault, warning) = await DecodeAsync(file);
        Assert.Equal((null, null), (fault, warning));
        return sound!;
    }

    private static (string? Fault, string? Warning) FaultAndWarning(ClipDecoding decoding) => (decoding.Fault, decoding.Warning);

    private static byte[] Pcm16(float[] samples) => [.. samples.SelectMany(sample => LeftJustified(sample, 2))];

    /// <summary>Returns a 16-bit sample, left-justified in its container.</summary>
    private static IEnumerable<byte> LeftJustified(float sample, int containerBytes)
    {
        var step = (short)MathF.Round(sample * 32768);
        return [.. new byte[containerBytes - 2], (byte)step, (byte)(step >> 8)];
    }

    private static byte[] Wav(bool isExtensible, int bits, int containerBytes, byte[] data)
    {
        var file = TestWav.File(
            isExtensible ? unchecked((short)0xFFFE) : (short)1, 16_000, 1, isExtensible ? containerBytes * 8 : bits, data);
        BinaryPrimitives.WriteInt16LittleEndian(file.AsSpan(32), (short)containerBytes);
        if (!isExtensible)
        {
            return file;
        }

        byte[] more = [22, 0, (byte)bits, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];
        file[16] = 40;
        return [.. file[..36], .. more, .. file[36..]];
    }
}
