using System.Diagnostics;
using System.Text.Json;
using Xunit;
using Yue.Engine.Audio;
using Yue.Testing;

namespace Yue.Engine.Tests.Audio;

/// <summary>Tests that files contain the song's tags and can still be read.</summary>
public sealed class SoundTagsTests
{
    private static readonly AudioClip Clip = new(Signals.Sine(22050, 440, 44100, 0.5), 44100);

    private static readonly string[] Texts =
    [
        "la",
        "[verse]\nIt's \"quoted\"; a = b # c \\ d\r\n\n[サビ]\n夜空の光 😀\t'x'",
        string.Concat(Enumerable.Repeat("𠮷\n", 10_000)),
        "e\u0301\u200B ",
    ];

    public static TheoryData<AudioFormat, int> Files =>
        new(from format in Enum.GetValues<AudioFormat>() from text in Enumerable.Range(0, Texts.Length) select (format, text));

    [Theory]
    [MemberData(nameof(Files))]
    public async Task Ffprobe_reads_complete_tags_and_the_sound_is_unchanged(AudioFormat format, int text)
    {
        Ffmpeg.SkipWithout();
        var tags = new SoundTags("A \"title\" = 夜; 😀", -42, Texts[text]);
        var cancel = TestContext.Current.CancellationToken;
        var file = await new AudioEncoder().EncodeAsync(Clip, format, tags, cancel);

        var read = await ProbeAsync(file);
        Assert.Equal("A \"title\" = 夜; 😀", Tag(read, "title"));
        Assert.Equal("AI-generated (YuE), seed -42", Tag(read, "comment"));
        Assert.Equal(Texts[text], Tag(read, format == AudioFormat.Wav ? "ilyr" : "lyrics"));
        Assert.Equal(format == AudioFormat.Wav ? null : "-42", Tag(read, "seed"));

        var plain = await new AudioEncoder().EncodeAsync(Clip, format, tags: null, cancel);
        var decoder = new AudioDecoder();
        var (expected, _, _) = await decoder.DecodeAsync(plain, 0, 60, cancel);
        var (sound, fault, warning) = await decoder.DecodeAsync(file, 0, 60, cancel);
        Assert.True(sound is not null, fault);
        Assert.Null(warning);
        Assert.Equal(expected!.ToMono().Samples, sound.ToMono().Samples);
        Assert.Equal(0.5, sound.DurationSeconds, 0.1);
    }

    [Fact]
    public void Tags_of_a_wav_file_follow_its_samples_and_its_sizes_are_correct()
    {
        var plain = WavFile.ToBytes(Clip);
        var file = WavFile.ToBytes(Clip, new SoundTags("odd", 1, "夜"));
        Assert.Equal(plain[8..], file[8..plain.Length]);
        Assert.Equal(file.Length - 8, BitConverter.ToInt32(file, 4));
        Assert.Equal(plain.Length - WavFile.HeaderBytes, WavFile.SampleBytes(file));
        Assert.Equal("LIST"u8, file.AsSpan(plain.Length, 4));
        Assert.Equal(file.Length - plain.Length - 8, BitConverter.ToInt32(file, plain.Length + 4));
        Assert.Equal(WavFile.Parse(plain).Interleaved, WavFile.Parse(file).Interleaved);
    }

    [Fact]
    public void A_NUL_in_a_tag_becomes_a_space_and_an_empty_tag_is_omitted()
    {
        var file = System.Text.Encoding.Latin1.GetString(WavFile.ToBytes(new AudioClip([], 16000), new SoundTags("a\0b", 1, "")));
        Assert.Contains("INAM\u0004\0\0\0a b\0", file, StringComparison.Ordinal);
        Assert.DoesNotContain("ILYR", file, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("fLaC")]
    [InlineData("fLaC\u0080\0")]
    [InlineData("fLaC\u0080\0\u0001\0x")]
    [InlineData("not flac")]
    public void A_file_that_is_not_flac_is_unchanged(string file)
    {
        var bytes = System.Text.Encoding.Latin1.GetBytes(file);
        Assert.Equal(bytes, new SoundTags("t", 1, "l").InFlac(bytes));
    }

    [Theory]
    [InlineData(StreamFormat.Mp3)]
    [InlineData(StreamFormat.Opus)]
    [InlineData(StreamFormat.Flac)]
    public async Task Streams_have_all_tags(StreamFormat format)
    {
        const string Lyrics = "[verse]\nla; #1 = \\o/\n[chorus]\nhört 夜 👋";
        Ffmpeg.SkipWithout();
        using var stream = new MemoryStream();
        await new AudioEncoder().EncodeStreamAsync(
            new(44100, Channels: 1),
            format,
            new SoundTags("It's = \"夜\"", 7, Lyrics),
            async (input, cancel) => await input.WriteAsync(WavFile.ToPcm(Clip.Samples), cancel),
            (output, cancel) => output.CopyToAsync(stream, cancel),
            TestContext.Current.CancellationToken);
        var read = await ProbeAsync(stream.ToArray());
        Assert.Equal(("It's = \"夜\"", "AI-generated (YuE), seed 7"), (Tag(read, "title"), Tag(read, "comment")));
        Assert.Equal(("7", Lyrics), (Tag(read, "seed"), Tag(read, "lyrics")));
    }

    /// <summary>Returns the tags of a file, including those of the stream, where Ogg stores them.</summary>
    private static async Task<Dictionary<string, string>> ProbeAsync(byte[] file)
    {
        var path = Path.GetTempFileName();
        try
        {
            await File.WriteAllBytesAsync(path, file, TestContext.Current.CancellationToken);
            string[] arguments = ["-v", "error", "-show_format", "-show_streams", "-of", "json", path];
            using var process = Process.Start(new ProcessStartInfo("ffprobe", arguments) { RedirectStandardOutput = true })!;
            using var json = JsonDocument.Parse(await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken));
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            var root = json.RootElement;
            var found = new[] { root.GetProperty("format"), root.GetProperty("streams")[0] }
                .Where(part => part.TryGetProperty("tags", out _))
                .SelectMany(part => part.GetProperty("tags").EnumerateObject());
            var tags = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
            foreach (var tag in found)
            {
                tags[tag.Name.Split("-und")[0]] = tag.Value.GetString()!;
            }

            return tags;
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static string? Tag(Dictionary<string, string> tags, string name) => tags.GetValueOrDefault(name);
}
