using Xunit;
using Yue.Engine.Audio;
using Yue.Engine.Families.Yue1.Decode;
using Yue.Engine.Layers;
using Yue.Engine.Songs;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Codec;

[Trait("Category", Goldens.Category)]
public sealed class SongDecoderTests(GoldenCodec golden) : IClassFixture<GoldenCodec>
{
    private const SongParts All =
        SongParts.CodecTracks | SongParts.CodecMix | SongParts.VocoderTracks | SongParts.VocoderMix | SongParts.Spliced;

    private static readonly DecodeWindows Tens = new([], [10]);

    [Fact]
    public void The_parts_follow_the_published_order_of_operations()
    {
        using var vocalCodes = golden.RandomCodes(53, seed: 1);
        using var instrumentalCodes = golden.RandomCodes(53, seed: 2);
        var song = Decoder(new DecodeWindows([10], [20])).Decode(vocalCodes, instrumentalCodes, All);

        // docs/model.md section 7, computed step by step for the whole song.
        var (vocal16, vocal44) = Waves(vocalCodes, golden.Vocal);
        var (instrumental16, instrumental44) = Waves(instrumentalCodes, golden.Instrumental);
        static float[] Clamp(float[] samples, float limit = 0.99f) => [.. samples.Select(sample => Math.Clamp(sample, -limit, limit))];
        static float[] Add(float[] a, float[] b) => [.. a.Zip(b, (x, y) => x + y)];
        float[] mix16 = Add(Clamp(vocal16), Clamp(instrumental16)), mix44 = Clamp(Add(vocal44, instrumental44));
        var spliced = Splice.ReplaceLowFrequencies(new AudioClip(mix16, 16000), new AudioClip(mix44, 44100)).Samples;

        AssertPart(Clamp(vocal16), 16000, song.CodecTracks!.Vocal);
        AssertPart(Clamp(instrumental16), 16000, song.CodecTracks.Instrumental);
        AssertPart(mix16, 16000, song.CodecMix!);
        AssertPart(Clamp(vocal44), 44100, song.VocoderTracks!.Vocal);
        AssertPart(Clamp(instrumental44), 44100, song.VocoderTracks.Instrumental);
        AssertPart(mix44, 44100, song.VocoderMix!);
        AssertPart(spliced, 44100, song.Spliced!);
        Assert.Equal(vocal16.Count(sample => Math.Abs(sample) > 0.99f), song.CodecTracks!.Vocal.ClippedSamples);
        Assert.Equal(mix16.Count(sample => Math.Abs(sample) > 1), song.CodecMix!.ClippedSamples);
    }

    [Fact]
    public void The_next_window_needs_the_context_of_every_model_that_has_not_decoded_it()
    {
        var decoding = Decoder(Tens).Begin(hasVocal: false, SongParts.Spliced);
        var (codec, vocoder) = (golden.Decoder.ContextFrames, golden.Instrumental.ContextFrames);
        Assert.True(vocoder > codec);
        Assert.Equal((0, 10 + vocoder), decoding.WindowsLeft.First());
        using var codes = golden.RandomCodes(20 + vocoder);
        decoding.Append(null, SongDecoder.RowsOf(codes));
        Assert.Equal(SoundModel.Codec, decoding.Advance().Model);
        Assert.Equal(SoundModel.Vocoder, decoding.Advance().Model);
        Assert.Equal((10, 20 + vocoder), decoding.WindowsLeft.First());
        Assert.Equal(SoundModel.Codec, decoding.Advance().Model);
        Assert.Equal(SoundModel.Vocoder, decoding.Advance().Model);
        Assert.Equal((20, 30 + vocoder), decoding.WindowsLeft.First());
    }

    [Theory]
    [InlineData(SongParts.None)]
    [InlineData(SongParts.CodecMix)]
    [InlineData(SongParts.CodecTracks)]
    [InlineData(SongParts.VocoderTracks)]
    [InlineData(SongParts.VocoderMix)]
    [InlineData(SongParts.Spliced)]
    [InlineData(SongParts.CodecMix | SongParts.CodecTracks)]
    [InlineData(SongParts.Spliced | SongParts.VocoderTracks)]
    public void Only_the_requested_parts_are_computed_and_returned(SongParts parts)
    {
        const int Frames = 100;
        using var codes = golden.RandomCodes(Frames);
        var decoding = Decoder(Tens).Begin(hasVocal: true, parts);
        var mixer = Decoder(Tens).NewMixer(hasVocal: true, parts, isHeard: false);
        var rows = SongDecoder.RowsOf(codes);
        decoding.Append(rows, rows);
        decoding.Complete();
        var done = new List<long>();
        while (decoding.CanAdvance)
        {
            Assert.Null(mixer.Add(decoding.Advance()));
            done.Add(decoding.FramesDone);
        }

        Assert.True(decoding.IsDone);
        mixer.Complete();
        var song = mixer.Finish();

        Assert.Equal(parts.HasFlag(SongParts.CodecTracks), song.CodecTracks is not null);
        Assert.Equal(parts.HasFlag(SongParts.CodecMix), song.CodecMix is not null);
        Assert.Equal(parts.HasFlag(SongParts.VocoderTracks), song.VocoderTracks is not null);
        Assert.Equal(parts.HasFlag(SongParts.VocoderMix), song.VocoderMix is not null);
        Assert.Equal(parts.HasFlag(SongParts.Spliced), song.Spliced is not null);

        var codec = (parts & (SongParts.CodecMix | SongParts.CodecTracks | SongParts.Spliced)) != 0;
        var vocoder = (parts & (SongParts.VocoderMix | SongParts.VocoderTracks | SongParts.Spliced)) != 0;
        var passes = (codec ? 2 : 0) + (vocoder ? 2 : 0);

        // A step decodes a window of 10 frames of each track. The context of each model is 11 to 20 frames, so the last window has 20.
        Assert.Equal(passes, decoding.Passes);
        var models = passes / 2;
        long[] regular = [.. Enumerable.Range(1, 8 * models).Select(step => 20L * step)];
        Assert.Equal([.. regular, .. Enumerable.Range(1, models).Select(last => (20L * 8 * models) + (40 * last))], done);
    }

    [Theory]
    [InlineData(16000, false, SongParts.CodecMix)]
    [InlineData(16000, true, SongParts.CodecMix | SongParts.CodecTracks)]
    [InlineData(44100, false, SongParts.Spliced)]
    [InlineData(44100, true, SongParts.Spliced | SongParts.VocoderTracks)]
    public void The_output_settings_determine_which_parts_are_computed(int sampleRateHz, bool stems, SongParts parts) =>
        Assert.Equal(parts, SongDecoder.PartsOf(new OutputSettings { SampleRate = sampleRateHz, Stems = stems }));

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Songs_with_no_frame_or_one_frame_have_the_exact_length(int frames)
    {
        using var codes = golden.RandomCodes(frames);
        var song = Decoder().Decode(codes, codes, All);
        Assert.Equal(320 * frames, song.CodecMix!.Clip.Samples.Length);
        Assert.Equal(320 * frames, song.CodecTracks!.Instrumental.Clip.Samples.Length);
        Assert.Equal(882 * frames, song.VocoderMix!.Clip.Samples.Length);
        Assert.Equal(882 * frames, song.Spliced!.Clip.Samples.Length);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Frames_can_be_appended_while_others_are_being_decoded_and_played(bool hasVocal)
    {
        var parts = hasVocal ? All : SongParts.CodecMix | SongParts.VocoderMix | SongParts.Spliced;
        using var codes = golden.RandomCodes(100);
        var whole = Decoder(Tens).Decode(hasVocal ? codes : null, codes, parts);
        var rows = SongDecoder.RowsOf(codes);
        var decoding = Decoder(Tens).Begin(hasVocal, parts);
        var mixer = Decoder(Tens).NewMixer(hasVocal, parts, isHeard: true);
        List<MixedSound> heard = [];
        for (var frame = 0; frame < 100; frame += 7)
        {
            int[][] added = [.. rows.Select(row => row[frame..Math.Min(frame + 7, 100)])];
            decoding.Append(hasVocal ? added : null, added);
            Advance();
            Assert.False(decoding.IsDone);
        }

        Assert.InRange(decoding.FramesDone / decoding.Passes, 50, 99);
        Assert.InRange(heard.Sum(sound => sound.Mix.Length), 50 * 882, 99 * 882);
        decoding.Complete();
        Advance();
        Assert.True(decoding.IsDone);
        heard.Add(mixer.Complete()!);

        var grown = mixer.Finish();
        Assert.Equal(whole.Spliced!.Clip.Samples, grown.Spliced!.Clip.Samples);
        Assert.Equal(whole.CodecMix!.Clip.Samples, grown.CodecMix!.Clip.Samples);
        Assert.Equal(whole.VocoderTracks?.Vocal.Clip.Samples, grown.VocoderTracks?.Vocal.Clip.Samples);
        Assert.Equal(100 * 882, heard.Sum(sound => sound.Mix.Length));
        if (hasVocal)
        {
            Assert.Equal(whole.VocoderTracks!.Vocal.Clip.Samples, heard.SelectMany(sound => sound.Vocal!));
            Assert.Equal(whole.VocoderTracks.Instrumental.Clip.Samples, heard.SelectMany(sound => sound.Instrumental!));
        }
        else
        {
            Assert.All(heard, sound => Assert.True(sound is { Vocal: null, Instrumental: null }));
        }

        void Advance()
        {
            while (decoding.CanAdvance)
            {
                heard.Add(mixer.Add(decoding.Advance())!);
            }
        }
    }

    [Fact]
    public void The_streamed_mix_at_16_kHz_equals_the_finished_mix()
    {
        using var codes = golden.RandomCodes(60);
        using var others = golden.RandomCodes(60, seed: 2);
        var decoder = Decoder(Tens);
        var (decoding, mixer) = (decoder.Begin(true, SongParts.CodecMix), decoder.NewMixer(true, SongParts.CodecMix, isHeard: true));
        decoding.Append(SongDecoder.RowsOf(codes), SongDecoder.RowsOf(others));
        decoding.Complete();
        List<MixedSound> heard = [];
        while (!decoding.IsDone)
        {
            heard.Add(mixer.Add(decoding.Advance())!);
        }

        var tracks = decoder.Decode(codes, others, SongParts.CodecTracks).CodecTracks!;
        Assert.Equal(16_000, mixer.SampleRateHz);
        Assert.Empty(mixer.Complete()!.Mix);
        Assert.Equal(mixer.Finish().CodecMix!.Clip.Samples, heard.SelectMany(sound => sound.Mix));
        Assert.Equal(tracks.Vocal.Clip.Samples, heard.SelectMany(sound => sound.Vocal!));
        Assert.Equal(tracks.Instrumental.Clip.Samples, heard.SelectMany(sound => sound.Instrumental!));
    }

    [Fact]
    public void Output_at_16_kHz_needs_no_vocoder()
    {
        using var codes = golden.RandomCodes(3);
        var decoder = new SongDecoder(golden.Decoder, vocalVocoder: null, instrumentalVocoder: null);
        Assert.NotNull(decoder.Decode(codes, codes, SongParts.CodecMix).CodecMix);
        var error = Assert.Throws<InvalidOperationException>(
            () => decoder.Decode(codes, codes, SongParts.Spliced));
        Assert.Contains("vocoders", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Loud_vocoder_tracks_are_summed_before_the_clamp()
    {
        using var codes = golden.RandomCodes(25);
        using var quiet = GoldenCodec.LoadVocoder("decoder_131000.pth");
        using var embedding = golden.Decoder.Embed(codes);
        float[] wave = GoldenCodec.Samples(quiet.Decode(embedding));
        var gain = 1.5f / wave.Max(Math.Abs);
        using var loud = GoldenCodec.LoadVocoder("decoder_131000.pth", gain);
        using var inverted = GoldenCodec.LoadVocoder("decoder_131000.pth", -gain / 2);

        var song = new SongDecoder(golden.Decoder, loud, inverted).Decode(
            codes, codes, SongParts.VocoderTracks | SongParts.VocoderMix);

        // The loud track reaches 1.5 and is clipped. The sum with half of its inverse reaches 0.75 and is not clipped.
        var clipped = wave.LongCount(sample => Math.Abs(sample * gain) > 0.99f);
        Assert.InRange(song.VocoderTracks!.Vocal.ClippedSamples, Math.Max(clipped - 2, 1), clipped + 2);
        AssertPart([.. wave.Select(sample => Math.Clamp(sample * gain, -0.99f, 0.99f))], 44100, song.VocoderTracks.Vocal);
        AssertPart([.. wave.Select(sample => sample * gain / 2)], 44100, song.VocoderMix!);
        Assert.Equal(0, song.VocoderMix!.ClippedSamples);

        var twice = new SongDecoder(golden.Decoder, loud, loud).Decode(
            codes, codes, SongParts.VocoderMix).VocoderMix!;
        AssertPart([.. wave.Select(sample => Math.Clamp(2 * sample * gain, -0.99f, 0.99f))], 44100, twice);
        Assert.True(twice.ClippedSamples > clipped);
    }

    [Fact]
    public void The_mix_of_a_song_without_a_vocal_track_is_the_instrumental_track()
    {
        using var codes = golden.RandomCodes(25);
        var song = Decoder().Decode(
            null, codes, SongParts.CodecMix | SongParts.VocoderMix | SongParts.Spliced);
        var both = Decoder().Decode(codes, codes, All);
        Assert.Equal(both.CodecTracks!.Instrumental.Clip.Samples, song.CodecMix!.Clip.Samples);
        Assert.Equal(both.VocoderTracks!.Instrumental.Clip.Samples, song.VocoderMix!.Clip.Samples);
        Assert.Equal(
            Splice.ReplaceLowFrequencies(song.CodecMix.Clip, song.VocoderMix.Clip).Samples, song.Spliced!.Clip.Samples);
        Assert.Throws<ArgumentException>(() => Decoder().Decode(null, codes, All));
    }

    [Fact]
    public void A_draft_is_decoded_from_codebook_0_alone()
    {
        using var codes = golden.RandomCodes(25);
        using var draft = codes.narrow(0, 0, 1);
        var song = Decoder().Decode(draft, draft, SongParts.CodecTracks);
        AssertPart(
            [.. Waves(draft, golden.Vocal).Codec.Select(sample => Math.Clamp(sample, -0.99f, 0.99f))], 16000, song.CodecTracks!.Vocal);
        Assert.NotEqual(
            Decoder().Decode(codes, codes, SongParts.CodecTracks).CodecTracks!.Vocal.Clip.Samples,
            song.CodecTracks.Vocal.Clip.Samples);
    }

    [Fact]
    public void Tracks_of_different_lengths_are_refused()
    {
        using var codes = golden.RandomCodes(3);
        using var longer = golden.RandomCodes(4);
        var error = Assert.Throws<ArgumentException>(
            () => Decoder().Decode(codes, longer, SongParts.CodecMix));
        Assert.Contains("vocalCodes has shape [8, 3], expected [8, 4]", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Decoding_a_song_and_warming_up_leave_no_tensor_behind()
    {
        using var codes = golden.RandomCodes(25);
        using var scope = NewDisposeScope();
        Decoder(Tens).WarmUp();
        Decoder(Tens).Decode(codes, codes, All);
        Assert.Equal(0, scope.DisposablesCount);
    }

    private SongDecoder Decoder(DecodeWindows? windows = null) => new(golden.Decoder, golden.Vocal, golden.Instrumental, windows);

    private (float[] Codec, float[] Vocoder) Waves(Tensor codes, Yue.Engine.Families.Yue1.Vocoder.Vocos vocoder)
    {
        using var embedding = golden.Decoder.Embed(codes);
        return (GoldenCodec.Samples(golden.Decoder.Decode(embedding)), GoldenCodec.Samples(vocoder.Decode(embedding)));
    }

    private static void AssertPart(float[] expected, int sampleRateHz, SongPart part)
    {
        Assert.Equal(sampleRateHz, part.Clip.SampleRateHz);
        TensorAssert.CloseToPeak(expected, part.Clip.Samples, 2e-5);
    }
}
