using System.Runtime.Versioning;
using Xunit;
using Yue.Engine.Audio;
using Yue.Testing;

namespace Yue.Engine.Tests.Audio;

/// <summary>Tests that clips are decoded correctly, that truncated clips are detected, and that decoding uses bounded memory and
/// time. The service's tests cover the other reasons for rejecting clips.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class AudioDecoderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("yue-decoder-").FullName;
    private readonly AudioDecoder _decoder;

    public AudioDecoderTests() => _decoder = new AudioDecoder(tempFolder: _folder);

    public void Dispose()
    {
        var left = Directory.GetFiles(_folder, "yue-clip-*");
        Directory.Delete(_folder, recursive: true);
        Assert.Empty(left);
    }

    [Fact]
    public async Task Float_samples_are_read_unchanged()
    {
        var samples = Signals.Noise(16_000, 1.5f);
        var sound = await ReadAsync(TestWav.OfFloats(16_000, 1, samples));
        Assert.Equal((16_000, 1.0), (sound.SampleRateHz, sound.DurationSeconds));
        Assert.Equal(samples, Assert.Single(sound.Channels));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(6)]
    [InlineData(8)]
    public async Task Two_channels_are_kept_and_more_are_averaged(int channels)
    {
        var samples = Signals.Noise(8000 * channels);
        var file = TestWav.OfFloats(8000, channels, samples);
        var sound = await ReadAsync(file);
        Assert.Equal(channels == 2 ? 2 : 1, sound.Channels.Count);
        Assert.Equal(new WavSound(samples, channels, 8000).ToMono().Samples, sound.ToMono().Samples);
    }

    [Theory]
    [InlineData("wav", "-c:a pcm_s24le")]
    [InlineData("wav", "-c:a pcm_u8")]
    [InlineData("wav", "-c:a pcm_f64le")]
    [InlineData("aiff", "")]
    [InlineData("flac", "")]
    [InlineData("mp3", "")]
    [InlineData("ogg", "-c:a libvorbis")]
    [InlineData("ogg", "-c:a libopus")]
    [InlineData("m4a", "-c:a aac")]
    [InlineData("m4a", "-c:a alac")]
    public async Task Every_format_and_codec_is_read(string extension, string codec)
    {
        Ffmpeg.SkipWithout();
        var file = await Ffmpeg.MakeAsync($"-f lavfi -i sine=f=440:r=48000:d=2 -ac 2 {codec}", extension);
        var sound = await ReadAsync(file);
        Assert.Equal(48_000, sound.SampleRateHz);
        Assert.InRange(sound.DurationSeconds, 1.95, 2.1);
        Assert.InRange(sound.Channels[1].AsSpan(20_000, 20_000).ToArray().Max(), 0.08f, 0.1f);
    }

    [Theory]
    [InlineData("mp3", "mjpeg")]
    [InlineData("mp3", "gif")]
    [InlineData("mp3", "bmp")]
    [InlineData("mp3", "tiff")]
    [InlineData("flac", "mjpeg")]
    [InlineData("flac", "png")]
    [InlineData("flac", "gif")]
    [InlineData("flac", "bmp")]
    [InlineData("flac", "tiff")]
    [InlineData("m4a", "mjpeg")]
    [InlineData("m4a", "png")]
    [InlineData("m4a", "bmp")]
    public async Task A_cover_picture_is_ignored(string extension, string codec)
    {
        Ffmpeg.SkipWithout();
        var isFlacOfGif = (extension, codec) is ("flac", "gif");
        var written = isFlacOfGif ? "png" : codec;
        var file = await Ffmpeg.MakeAsync(
            $"-f lavfi -i sine=d=1.5 -f lavfi -i color=red:s=32x32:d=0.04 -map 0 -map 1 -c:v {written} "
                + "-disposition:v attached_pic", extension);
        if (isFlacOfGif)
        {
            // ffmpeg can read such files but cannot write them.
            "image/gif"u8.CopyTo(file.AsSpan(file.AsSpan().IndexOf("image/png"u8)));
        }

        Assert.InRange((await ReadAsync(file)).DurationSeconds, 1.49, 1.51);
    }

    /// <summary>Encoders add samples before and after the sound. The decoder removes these samples, so that times have the same meaning
    /// in every format.</summary>
    [Theory]
    [InlineData("flac", "", 16_000)]
    [InlineData("mp3", "-b:a 128k", 44_100)]
    [InlineData("ogg", "-c:a libvorbis", 44_100)]
    [InlineData("ogg", "-c:a libopus", 48_000)]
    [InlineData("m4a", "-c:a aac -b:a 96k", 44_100)]
    [InlineData("m4a", "-c:a alac", 44_100)]
    public async Task Decoded_sound_starts_at_the_same_time_as_before_encoding(string extension, string codec, int rateHz)
    {
        Ffmpeg.SkipWithout();
        var chirp = TestClips.Chirp(rateHz);
        var file = await Ffmpeg.MakeAsync(TestWav.OfFloats(rateHz, 1, chirp), $"-f wav -i pipe:0 {codec}", extension);
        var sound = await ReadAsync(file);
        Assert.InRange(sound.DurationSeconds, TestClips.ChirpSeconds, TestClips.ChirpSeconds + 0.025);
        TensorAssert.Close(chirp.AsSpan(4000..^4000), sound.Channels[0].AsSpan(4000..(chirp.Length - 4000)), 0.05, extension);
    }

    [Theory]
    [InlineData("flac", "")]
    [InlineData("flac", "-ac 2 -compression_level 12")]
    [InlineData("mp3", "")]
    [InlineData("mp3", "-write_xing 0 -id3v2_version 0")]
    [InlineData("ogg", "-c:a libvorbis")]
    [InlineData("ogg", "-c:a libopus")]
    [InlineData("m4a", "-c:a aac")]
    [InlineData("m4a", "-c:a aac -movflags +faststart")]
    [InlineData("wav", "")]
    [InlineData("aiff", "")]
    public async Task A_truncated_file_is_refused_or_causes_a_warning(string extension, string codec)
    {
        Ffmpeg.SkipWithout();
        var whole = await Ffmpeg.MakeAsync($"-f lavfi -i anoisesrc=d=4:r=44100:a=0.3 {codec}", extension);
        await ReadAsync(whole);
        foreach (var share in (double[])[0.3, 0.5, 0.75, 0.95])
        {
            var (_, fault, warning) = await _decoder.DecodeAsync(
                whole.AsMemory(0, (int)(whole.Length * share)), 0, 60, TestContext.Current.CancellationToken);
            Assert.Contains("cut short", fault ?? warning, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Only_the_range_is_returned_but_the_duration_is_that_of_the_whole_file()
    {
        var samples = Signals.Noise(8000 * 10);
        var sound = (await _decoder.DecodeAsync(TestWav.OfFloats(8000, 1, samples), 3, 4, TestContext.Current.CancellationToken)).Sound!;
        Assert.Equal(10, sound.DurationSeconds);
        Assert.Equal(samples[24_000..56_000], Assert.Single(sound.Channels));
    }

    [Fact]
    public async Task A_file_of_unknown_size_from_a_pipe_is_read()
    {
        var sound = await ReadAsync(TestWav.File(1, 8000, 1, 16, new byte[16_000], uint.MaxValue));
        Assert.Equal(1, sound.DurationSeconds);
    }

    /// <summary>Decodes a file of about 2.5 MB that contains an hour of silence and states no length in its header.</summary>
    [Fact]
    public async Task Silence_longer_than_ten_minutes_is_refused_in_bounded_memory()
    {
        Ffmpeg.SkipWithout();
        var bomb = await Ffmpeg.MakeAsync("-f lavfi -i anullsrc=r=48000:cl=stereo -t 3600 -c:a flac -compression_level 0", "flac");
        bomb.AsSpan(22, 4).Clear();      // the sample count of STREAMINFO
        bomb[21] &= 0xF0;
        var before = GC.GetTotalAllocatedBytes();
        var decoding = await _decoder.DecodeAsync(bomb, 0, 60, TestContext.Current.CancellationToken);
        Assert.Equal("is longer than 10 minutes", decoding.Fault);
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 200 << 20);
    }

    [Fact]
    public async Task A_decoder_that_takes_too_long_is_killed()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "reads /proc");
        TestScript.Write(Path.Combine(_folder, "ffmpeg"), TestScript.Hang);
        TestScript.Write(Path.Combine(_folder, "ffprobe"), TestScript.Hang);
        var decoder = new AudioDecoder(_folder, _folder, TimeSpan.FromSeconds(0.5));
        byte[] flac = [.. "fLaC"u8, 0x80, 0, 0, 34, .. new byte[60]];
        var decoding = await decoder.DecodeAsync(flac, 0, 60, TestContext.Current.CancellationToken);
        Assert.Equal("took longer than 0.5 s to decode", decoding.Fault);
        await Eventually.TrueAsync(() => !TestScript.IsRunningIn(_folder));
    }

    [Fact]
    public async Task Clips_left_by_a_killed_process_are_removed_when_they_are_old()
    {
        var (old, recent) = (Path.Combine(_folder, "yue-clip-old"), Path.Combine(_folder, "yue-clip-new"));
        await File.WriteAllTextAsync(old, "", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(recent, "", TestContext.Current.CancellationToken);
        File.SetLastWriteTimeUtc(old, DateTime.UtcNow.AddHours(-2));
        _ = new AudioDecoder(tempFolder: _folder);
        Assert.Equal((false, true), (File.Exists(old), File.Exists(recent)));
        File.Delete(recent);
    }

    private async Task<DecodedSound> ReadAsync(byte[] file)
    {
        var (sound, fault, warning) = await _decoder.DecodeAsync(file, 0, 60, TestContext.Current.CancellationToken);
        Assert.Equal((null, null), (fault, warning));
        return sound!;
    }
}
