using System.Buffers.Binary;
using System.Text;
using Xunit;
using Yue.Testing;

namespace YueService.Tests.Fakes;

/// <summary>Invalid reference clips with their expected errors.</summary>
internal static class BadClips
{
    private const string Unreadable = "is not a supported sound file; send wav, aiff, mp3, ogg, flac or m4a";

    private static readonly Dictionary<string, (string Message, Func<Task<byte[]>> Make)> Clips = new()
    {
        ["text in an mp3 file"] = (Unreadable, () => Text("These are words, not sound.\n", 500)),
        ["0 bytes"] = ("is empty (0 bytes)", () => Bytes([])),
        ["noise"] = (Unreadable, () => Bytes(Noise(100_000))),
        ["a picture"] = (Unreadable, () => Ffmpeg.MakeAsync("-f lavfi -i color=red:s=16x16 -frames:v 1", "png")),
        ["a video with sound"] = ("contains video (MPEG-4); send only its audio track", () => Ffmpeg.MakeAsync(
            "-f lavfi -i testsrc=d=2:s=64x64 -f lavfi -i sine=d=2 -c:v mpeg4", "mp4")),
        ["a silent video"] =
            ("contains video (MPEG-4); send only its audio track", () => Ffmpeg.MakeAsync(
                "-f lavfi -i testsrc=d=2:s=64x64 -c:v mpeg4", "mp4")),
        ["an H.264 video"] = ("contains video (H.264); send only its audio track", () => Ffmpeg.MakeAsync(
            "-f lavfi -i testsrc=d=2:s=64x64 -f lavfi -i sine=d=2 -c:v libx264", "mp4")),
        ["a Matroska video"] =
            ("contains Matroska or WebM video, which is not supported; send only its audio track", () => Ffmpeg.MakeAsync(
                "-f lavfi -i testsrc=d=2:s=64x64 -f lavfi -i sine=d=2", "mkv")),
        ["an AVI video"] =
            ("contains AVI video", () => Ffmpeg.MakeAsync("-f lavfi -i testsrc=d=2:s=64x64 -f lavfi -i sine=d=2", "avi")),
        ["a JPEG video"] = ("contains video (JPEG)", () => Ffmpeg.MakeAsync(
            "-f lavfi -i testsrc=d=2:s=64x64 -f lavfi -i sine=d=2 -c:v mjpeg -pix_fmt yuvj420p", "mov")),
        ["a wav header that claims ten hours"] = (
            "is cut short: its header states 36000 s, but it contains 2 s",
            () => Bytes(TestWav.File(1, 8000, 1, 8, new byte[16_000], 8000 * 36_000))),
        ["a flac header that claims ten hours"] = ("is longer than 10 minutes", () => FlacThatClaimsAsync(36_000)),
        ["9 channels"] = ("has 9 channels; 1 to 8 are supported", () => Bytes(TestWav.Silence(16_000, 9, 2))),
        ["3 Hz"] = ("has 3 samples per second; 4000 to 192000 are supported", () => Bytes(TestWav.Silence(3, 1, 20))),
        ["NaN samples"] = ("has the sample NaN at 1 s", () => Bytes(
            TestWav.OfFloats(16_000, 1, [.. TestWav.Sine(16_000, 440, 1), float.NaN, .. new float[16_000]]))),
        ["samples beyond full scale"] = ("has the sample 20000 at 0 s; full scale is -1 to 1", () => Bytes(
            TestWav.OfFloats(16_000, 1, [.. Enumerable.Repeat(20_000f, 32_000)]))),
        ["an HLS playlist"] =
            (Unreadable, () => Text("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n")),
        ["a playlist"] = (Unreadable, () => Text("[playlist]\nFile1=/etc/passwd\nNumberOfEntries=1\n")),
        ["a list of files to join"] = (Unreadable, () => Text("ffconcat version 1.0\nfile '/dev/zero'\n")),
        ["a session description"] =
            (Unreadable, () => Text("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n")),
        ["half an hour of silence in flac"] = ("is longer than 10 minutes", () => Ffmpeg.MakeAsync(
            "-f lavfi -i anullsrc=r=8000:cl=mono -t 1800 -compression_level 0", "flac")),
        ["an eleven-minute mp3 of silence"] =
            ("is longer than 10 minutes", () => Ffmpeg.MakeAsync("-f lavfi -i anullsrc=r=8000:cl=mono -t 660 -b:a 8k", "mp3")),
        ["only a header"] = ("contains no sound", () => Bytes(TestWav.Silence(16_000, 1, 0))),
        ["a codec that wav files rarely use"] = ("has WAV format tag 2 and 4 bits per sample; send PCM", () => Ffmpeg.MakeAsync(
            "-f lavfi -i sine=d=2 -c:a adpcm_ms", "wav")),
        ["a Vorbis file with a huge codebook"] =
            ("has Vorbis codebooks of more than", () => Bytes(TestOgg.VorbisWithHugeCodebooks())),
        ["an Ogg page with a wrong checksum"] =
            ("is damaged: the checksum of the page at byte 0 is wrong", () => Bytes(TestOgg.OpusWithWrongChecksum())),
        ["an Opus file of garbage"] = ("is damaged and cannot be decoded", () => Bytes(TestOgg.OpusWithGarbage())),
        ["a box that is smaller than its header"] =
            ("is damaged: its box 'moov' states a size of 3 bytes", () => Bytes([.. "\0\0\0\u0010ftypM4A \0\0\0\0\0\0\0\u0003moov"u8])),
        ["deeply nested boxes"] = ("is cut short: it has no moov box", () => Bytes(TestMp4.Nested(1 << 20))),
        ["a million chunks"] = ("has more than 1000 chunks before its sound", () => Bytes([.. "RIFF    WAVE"u8, .. new byte[8 << 20]])),
    };

    public static TheoryData<string> Names => [.. Clips.Keys];

    /// <summary>Returns the expected error message for a clip.</summary>
    public static string MessageOf(string name) => Clips[name].Message;

    public static Task<byte[]> MakeAsync(string name) => Clips[name].Make();

    private static Task<byte[]> Bytes(byte[] bytes) => Task.FromResult(bytes);

    private static Task<byte[]> Text(string text, int times = 1) =>
        Bytes(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(text, times))));

    private static byte[] Noise(int length)
    {
        var bytes = new byte[length];
        new Random(1).NextBytes(bytes);
        return bytes;
    }

    /// <summary>Returns two seconds of sound with a header that claims more. STREAMINFO stores the sample count in 36 bits, starting in the
    /// middle of byte 21.</summary>
    private static async Task<byte[]> FlacThatClaimsAsync(int seconds)
    {
        var flac = await Ffmpeg.MakeAsync("-f lavfi -i sine=r=8000:d=2", "flac");
        var packed = BinaryPrimitives.ReadUInt64BigEndian(flac.AsSpan(18));
        BinaryPrimitives.WriteUInt64BigEndian(flac.AsSpan(18), (packed & ~((1UL << 36) - 1)) | ((ulong)seconds * 8000));
        return flac;
    }
}
