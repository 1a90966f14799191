using System.Text;
using CsCheck;
using Xunit;
using Yue.Engine.Audio;

namespace Yue.Engine.Tests.Audio;

public sealed class TaggedFileTests
{
    private static readonly SoundTags First = new("First", 1, "la la la");
    private static readonly SoundTags Second = new("夜 second", 1, "");
    private static readonly byte[] Frames = [.. "frames"u8];
    private static readonly AudioClip Clip = new([.. Enumerable.Range(0, 1000).Select(i => MathF.Sin(i * 0.1f) / 2)], 16000);

    // STREAMINFO, the tags, a seek table, then the frames.
    private static readonly byte[] Flac = First.InFlac(
        [.. "fLaC"u8, 0, 0, 0, 34, .. Enumerable.Repeat((byte)7, 34), 0x83, 0, 0, 2, 1, 2, .. Frames]);

    [Fact]
    public async Task A_retagged_file_equals_a_file_written_with_the_new_tags()
    {
        Assert.Equal(WavFile.ToBytes(Clip, Second), await TaggedAsync(WavFile.ToBytes(Clip, First), AudioFormat.Wav));
        byte[] mp3 = [.. First.ToId3(), .. Frames];
        byte[] other = [.. Second.ToId3(), .. Frames];
        Assert.Equal(other, await TaggedAsync(mp3, AudioFormat.Mp3));
        Assert.Equal(Second.InFlac(Flac), await TaggedAsync(Flac, AudioFormat.Flac));
        Assert.NotEqual(Flac, Second.InFlac(Flac));
    }

    [Theory]
    [InlineData(AudioFormat.Wav)]
    [InlineData(AudioFormat.Flac)]
    [InlineData(AudioFormat.Mp3)]
    public async Task A_file_without_readable_tags_is_returned_unchanged(AudioFormat format)
    {
        byte[][] files =
        [
            [], [1], WavFile.ToBytes(Clip), WavFile.ToBytes(Clip, First)[..^200], [.. "fLaC"u8, 0x7F, 0xFF],
            [.. "ID3"u8, 4, 0, 0, 127, 127, 127, 127], Encoding.ASCII.GetBytes(new string('x', 100)),
        ];
        foreach (var file in files)
        {
            Assert.Equal(file, await TaggedAsync(file, format));
        }
    }

    [Fact]
    public async Task Any_range_of_a_retagged_file_can_be_read()
    {
        var expected = WavFile.ToBytes(Clip, Second);
        await Gen.Select(Gen.Int[0, expected.Length + 10], Gen.Int[0, 3000]).SampleAsync(async (start, count) =>
        {
            await using var stream = await OpenAsync(WavFile.ToBytes(Clip, First), AudioFormat.Wav);
            Assert.Equal(expected.Length, stream.Length);
            stream.Seek(start, SeekOrigin.Begin);
            var bytes = new byte[count];
            var read = await stream.ReadAtLeastAsync(bytes, count, throwOnEndOfStream: false, TestContext.Current.CancellationToken);
            Assert.Equal(expected.Skip(start).Take(count), bytes[..read]);
        });
    }

    private static Task<Stream> OpenAsync(byte[] file, AudioFormat format) =>
        TaggedFile.WithAsync(new MemoryStream(file), format, Second, TestContext.Current.CancellationToken);

    private static async Task<byte[]> TaggedAsync(byte[] file, AudioFormat format)
    {
        await using var stream = await OpenAsync(file, format);
        using var copy = new MemoryStream();
        await stream.CopyToAsync(copy, TestContext.Current.CancellationToken);
        return copy.ToArray();
    }
}
