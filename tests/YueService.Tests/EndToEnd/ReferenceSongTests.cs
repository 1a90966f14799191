using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using Xunit;
using Yue.Engine.Audio;
using Yue.Testing;
using YueService.Tests.Fakes;

namespace YueService.Tests.EndToEnd;

/// <summary>Tests that the real program makes songs with a reference clip (a voice over a chord loop, as mp3) and songs with a
/// requested loudness.</summary>
public sealed class ReferenceSongTests(DemoProcess demo) : IClassFixture<DemoProcess>
{
    private const int RateHz = 44_100;
    private const int Seconds = 8;

    [Fact]
    public async Task A_clip_is_accepted_inline_or_as_a_file_and_encoded_once()
    {
        Ffmpeg.SkipWithout();
        var clip = await ClipAsync();
        var plain = await SongOf(await demo.Client.PostAsJsonAsync("/predict", Request(null)));
        var inline = await SongOf(await demo.Client.PostAsJsonAsync(
            "/predict", Request(new { audio = Convert.ToBase64String(clip), start_seconds = 1, end_seconds = 6 })));
        using var form = new MultipartFormDataContent
        {
            { JsonContent.Create(Request(new { start_seconds = 1, end_seconds = 6 })), "request" },
            { new ByteArrayContent(clip), "reference.audio", "clip.mp3" },
        };
        var file = await SongOf(await demo.Client.PostAsync("/predict", form));

        Assert.Equal(JsonValueKind.Null, plain.GetProperty("reference").ValueKind);
        Assert.Equal((5.0, 1, false), ReferenceOf(inline));
        Assert.Equal((5.0, 1, true), ReferenceOf(file));
        Assert.NotEqual(Audio(plain), Audio(inline));
        Assert.Equal(Audio(inline), Audio(file));
    }

    [Fact]
    public async Task A_song_has_the_requested_loudness()
    {
        var song = await SongOf(await demo.Client.PostAsJsonAsync(
            "/predict", new { lyrics = "[verse]\nla la", max_new_tokens = 100, output = new { loudness_lufs = -30 } }));
        var loudness = LoudnessMeter.Measure(WavFile.Parse(Audio(song)).ToMono());
        Assert.Equal(-30, loudness.IntegratedLufs, 0.15);
        Assert.Equal(
            -30 - song.GetProperty("loudness").GetProperty("measured_lufs").GetDouble(),
            song.GetProperty("loudness").GetProperty("gain_db").GetDouble(), 0.01);
    }

    private static object Request(object? reference) => new { lyrics = "[verse]\nla la", max_new_tokens = 100, seed = 3, reference };

    private static async Task<JsonElement> SongOf(HttpResponseMessage response)
    {
        using (response)
        {
            return await response.SongAsync();
        }
    }

    private static (double Seconds, int Tracks, bool FromCache) ReferenceOf(JsonElement song)
    {
        var reference = song.GetProperty("reference");
        return (
            reference.GetProperty("seconds").GetDouble(),
            reference.GetProperty("tracks").GetInt32(),
            reference.GetProperty("from_cache").GetBoolean());
    }

    private static byte[] Audio(JsonElement song) => song.GetProperty("audio_base64").GetBytesFromBase64();

    private static async Task<byte[]> ClipAsync()
    {
        var voice = await VoiceAsync();
        var mix = Enumerable.Range(0, RateHz * Seconds).Select(i => Chord(i) + (i < voice.Length ? 0.4f * voice[i] : 0)).ToArray();
        return await Ffmpeg.MakeAsync(TestWav.OfFloats(RateHz, 1, mix), "-f wav -i pipe:0 -b:a 128k", "mp3");
    }

    /// <summary>Returns sample <paramref name="i"/> of a loop of four chords, each of which lasts half a second.</summary>
    private static float Chord(int i)
    {
        double[] roots = [261.63, 220, 174.61, 196];
        var t = (double)i / RateHz;
        var beat = t % 0.5;
        double[] ratios = [1, 1.25, 1.5];
        return (float)(0.2 * Math.Exp(-3 * beat) * ratios.Average(ratio => Math.Sin(2 * Math.PI * roots[(int)(t / 0.5) % 4] * ratio * t)));
    }

    /// <summary>Returns speech from espeak-ng if it is installed, otherwise a buzz through two formants that varies like a voice.</summary>
    private static async Task<float[]> VoiceAsync()
    {
        try
        {
            using var process = Process.Start(
                new ProcessStartInfo("espeak-ng", "--stdout \"Staring at the sunset, colors paint the sky, and every road you take\"")
                {
                    RedirectStandardOutput = true,
                })!;
            using var wav = new MemoryStream();
            await process.StandardOutput.BaseStream.CopyToAsync(wav);
            await process.WaitForExitAsync();
            return Resampler.Resample(WavFile.Parse(await Ffmpeg.MakeAsync(wav.ToArray(), "-i pipe:0", "wav")).ToMono(), RateHz).Samples;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return [.. Enumerable.Range(0, RateHz * Seconds).Select(Buzz)];
        }
    }

    private static float Buzz(int i)
    {
        var t = (double)i / RateHz;
        var pitch = 140 + (30 * Math.Sin(2 * Math.PI * 0.7 * t));
        var formant = 700 + (300 * Math.Sin(2 * Math.PI * 2.3 * t));
        var sum = Enumerable.Range(1, 20).Sum(k =>
            Math.Sin(2 * Math.PI * k * pitch * t)
                * (Math.Exp(-Math.Abs((k * pitch) - formant) / 200) + (0.5 * Math.Exp(-Math.Abs((k * pitch) - 1800) / 300))));
        return (float)(0.2 * sum * (0.5 - (0.5 * Math.Cos(2 * Math.PI * 2 * t))));
    }
}
