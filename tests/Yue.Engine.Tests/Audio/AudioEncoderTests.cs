using System.Diagnostics;
using System.Runtime.Versioning;
using Xunit;
using Yue.Engine.Audio;
using Yue.Testing;

namespace Yue.Engine.Tests.Audio;

[UnsupportedOSPlatform("windows")]
public sealed class AudioEncoderTests : IDisposable
{
    private static readonly AudioClip Clip = new(Signals.Sine(44100, 440, 44100, 0.5), 44100);

    private readonly string _folder = Directory.CreateTempSubdirectory("yue-encoder-").FullName;

    [Fact]
    public async Task Wav_needs_no_ffmpeg()
    {
        var encoder = new AudioEncoder(Path.Combine(_folder, "absent"));

        Assert.False(encoder.IsAvailable);
        Assert.True(encoder.CanWrite(AudioFormat.Wav));
        Assert.False(encoder.CanWrite(AudioFormat.Flac));
        var cancel = TestContext.Current.CancellationToken;
        Assert.Equal(WavFile.ToBytes(Clip), await encoder.EncodeAsync(Clip, AudioFormat.Wav, cancel: cancel));
        await Assert.ThrowsAsync<FfmpegException>(() => encoder.EncodeAsync(Clip, AudioFormat.Mp3, cancel: cancel));
    }

    [Fact]
    public async Task The_process_receives_the_clip_as_wav_and_its_output_is_returned()
    {
        var encoder = new AudioEncoder(Script("cat"));
        Assert.True(encoder.IsAvailable);
        var file = await encoder.EncodeAsync(Clip, AudioFormat.Mp3, cancel: TestContext.Current.CancellationToken);
        Assert.Equal(WavFile.ToBytes(Clip), file);
    }

    [Fact]
    public async Task An_error_contains_the_output_of_the_process()
    {
        var encoder = new AudioEncoder(Script("echo 'Unknown encoder libmp3lame' >&2; exit 8"));
        var error = await Assert.ThrowsAsync<FfmpegException>(
            () => encoder.EncodeAsync(Clip, AudioFormat.Mp3, cancel: TestContext.Current.CancellationToken));
        Assert.Contains("exit code 8", error.Message, StringComparison.Ordinal);
        Assert.Contains("Unknown encoder libmp3lame", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_cannot_be_executed_causes_an_encoding_error()
    {
        var path = Path.Combine(_folder, "plain");
        await File.WriteAllTextAsync(path, "not a program", TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<FfmpegException>(
            () => new AudioEncoder(path).EncodeAsync(Clip, AudioFormat.Flac, cancel: TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_process_that_exceeds_the_time_limit_is_killed()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "reads /proc");
        var encoder = new AudioEncoder(Script(TestScript.Hang), TimeSpan.FromSeconds(0.5));
        var error = await Assert.ThrowsAsync<FfmpegException>(
            () => encoder.EncodeAsync(Clip, AudioFormat.Flac, cancel: TestContext.Current.CancellationToken));
        Assert.Contains("longer than 0.5 s", error.Message, StringComparison.Ordinal);
        await Eventually.TrueAsync(() => !TestScript.IsRunningIn(_folder));
    }

    [Fact]
    public async Task Cancelling_kills_the_process()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "reads /proc");
        using var cancel = new CancellationTokenSource();
        var encoding = new AudioEncoder(Script(TestScript.Hang)).EncodeAsync(Clip, AudioFormat.Flac, cancel: cancel.Token);
        await Eventually.TrueAsync(() => TestScript.IsRunningIn(_folder));
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => encoding);
        await Eventually.TrueAsync(() => !TestScript.IsRunningIn(_folder));
    }

    [Fact]
    public async Task The_header_of_a_flac_file_states_its_sample_count()
    {
        // The header that ffmpeg writes to a pipe: a STREAMINFO block with 44.1 kHz, one channel, 16 bits and no sample count.
        var header = Path.Combine(_folder, "header");
        byte[] streamInfo = [0x10, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x0A, 0xC4, 0x40, 0xF0, 0, 0, 0, 0, .. new byte[16]];
        await File.WriteAllBytesAsync(header, [.. "fLaC"u8, 0x80, 0, 0, 34, .. streamInfo], TestContext.Current.CancellationToken);
        var encoder = new AudioEncoder(Script("cat > /dev/null; cat \"$(dirname \"$0\")/header\""));

        var flac = await encoder.EncodeAsync(Clip, AudioFormat.Flac, cancel: TestContext.Current.CancellationToken);

        Assert.Equal([0x0A, 0xC4, 0x40, 0xF0, 0, 0, 0xAC, 0x44], flac[18..26]);
    }

    [Theory]
    [InlineData(AudioFormat.Flac)]
    [InlineData(AudioFormat.Mp3)]
    public async Task A_clip_encoded_by_ffmpeg_decodes_to_the_same_sound(AudioFormat format)
    {
        var encoder = new AudioEncoder();
        Assert.SkipUnless(encoder.IsAvailable, "ffmpeg is not on PATH");

        var file = await encoder.EncodeAsync(Clip, format, cancel: TestContext.Current.CancellationToken);
        var decoded = WavFile.Parse(await DecodeAsync(file)).ToMono();

        Assert.Equal(44100, decoded.SampleRateHz);
        if (format == AudioFormat.Flac)
        {
            TensorAssert.Close(Clip.Samples, decoded.Samples, 0.5 / 32768);
            Assert.Equal(44100, ((file[21] & 0xF) << 32) | (file[22] << 24) | (file[23] << 16) | (file[24] << 8) | file[25]);
        }
        else
        {
            Assert.InRange(decoded.DurationSeconds, 1.0, 1.1);
            Assert.InRange(decoded.Samples.Skip(5000).Take(30000).Max(), 0.49f, 0.51f);
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static async Task<byte[]> DecodeAsync(byte[] file)
    {
        using var process = Process.Start(new ProcessStartInfo("ffmpeg", "-nostdin -loglevel error -i pipe:0 -f wav pipe:1")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        using var wav = new MemoryStream();
        var reading = process.StandardOutput.BaseStream.CopyToAsync(wav, TestContext.Current.CancellationToken);
        await process.StandardInput.BaseStream.WriteAsync(file, TestContext.Current.CancellationToken);
        process.StandardInput.Close();
        await reading;
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return wav.ToArray();
    }

    private string Script(string body)
    {
        var path = Path.Combine(_folder, "fake-ffmpeg");
        TestScript.Write(path, body);
        return path;
    }
}
