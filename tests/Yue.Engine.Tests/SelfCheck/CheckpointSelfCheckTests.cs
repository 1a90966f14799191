using System.Text.Json.Nodes;
using Xunit;
using Yue.Engine.Audio;
using Yue.Engine.Families;
using Yue.Engine.Families.Yue1.Codec;
using Yue.Engine.Families.Yue1.Decode;
using Yue.Engine.Families.Yue1.Demo;
using Yue.Engine.Families.Yue1.SelfCheck;
using Yue.Engine.Families.Yue1.Stage2;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Families.Yue1.Vocoder;
using Yue.Engine.Llama;
using Yue.Engine.Tests.Quantization;
using Yue.Engine.Tests.Text;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.SelfCheck;

/// <summary>Tests the self-check against figures that this class computes with the individual models of the demo.</summary>
public sealed class CheckpointSelfCheckTests : IDisposable
{
    private static readonly DemoModelFolders Demo = DemoModel.Folders;
    private static readonly Lazy<string> DemoFigures = new(() => Compute().ToJsonString());

    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void Figures_that_were_computed_with_these_checkpoints_agree()
    {
        var lines = Check(_ => { }).ToList();
        Assert.All(lines, line => Assert.True(line.Agrees, $"{line.Name}: {line.Text}"));
        Assert.Equal(
            ["codec", "recipe clip", "resampler", "splice", "stage 2", "tokenizer", "vocoder"],
            lines.Select(line => line.Name.Split(':')[0]).Distinct().Order(StringComparer.Ordinal));
        Assert.Equal(21, lines.Count);
    }

    [Fact]
    public void Exactly_the_altered_figures_disagree()
    {
        string[] disagreeing =
        [
            .. Check(figures =>
            {
                figures["tokenizer"]!["head_ids"]![5] = 7;
                figures["resample_44100_to_16000_first8"]![3] = 0.5f;
                figures["stage2_encode_17_33"]!["codebooks"]![3]![2] = 1024;
                figures["icl_dual"]!["icl_ids"]![149] = 45_333;
                figures["icl_dual"]!["vocals_pcm_sha256"] = "00";
                var peak = figures["splice_stats"]!["inst_wave44_peak"]!;
                figures["splice_stats"]!["inst_wave44_peak"] = peak.GetValue<float>() + 0.001f;
            }).Where(line => !line.Agrees).Select(line => line.Name),
        ];
        Assert.Equal(
            [
                "tokenizer: prompt head",
                "resampler: first values",
                "recipe clip: vocal",
                "stage 2: a chunk of 16 frames",
                "codec: ids of the two-track clip",
                "vocoder: instrumental peak",
            ],
            disagreeing);
    }

    [Fact]
    public void The_error_is_reported_with_its_position()
    {
        var line = Check(figures => figures["stage2_encode_0_40"]!["codebooks"]![1]![2] = -5).First(line => !line.Agrees);
        Assert.Matches("^values that differ: 1 of 320, the first at 42: [0-9]+, published -5$", line.Text);
    }

    [Fact]
    public void Figures_disagree_if_some_are_missing_or_not_finite()
    {
        Assert.False(SelfCheckLine.Close("x", 1, [1f, 2f], [1f, float.NaN]).Agrees);
        Assert.False(SelfCheckLine.Close("x", 1, [1f, 2f], [1f]).Agrees);
        Assert.False(SelfCheckLine.Equal("x", [1, 2], [1]).Agrees);
        Assert.True(SelfCheckLine.Close("x", 1, [1f, 2f], [1.5f, 1.5f]).Agrees);
    }

    [Fact]
    public void A_missing_checkpoint_is_reported_and_the_others_are_still_checked()
    {
        File.WriteAllText(_file, DemoFigures.Value);
        var files = new SelfCheckFiles(Path.Combine(Demo.Stage1, "gone"), Demo.Stage2, Demo.Codec);
        var lines = new CheckpointSelfCheck(files, PublishedFigures.Load(_file)).Run().Take(7).ToList();
        var missing = Assert.Single(lines, line => !line.Agrees);
        Assert.Equal("tokenizer", missing.Name);
        Assert.Contains("cannot be checked", missing.Text, StringComparison.Ordinal);
        Assert.Equal("stage 2: a chunk of 16 frames", lines[^1].Name);
    }

    /// <remarks>A quantized checkpoint gives different codes than its original, so it is compared only with its own figures.</remarks>
    [Fact]
    public void A_quantized_stage_2_is_not_compared_with_figures_of_the_original()
    {
        using var folder = new TemporaryFolder();
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(Demo.Stage2, "config.json")))!.AsObject();
        QuantizationConfig.AddTo(config, TestRecord.Of(bits: 4));
        folder.Write("config.json", config.ToJsonString());
        var files = new SelfCheckFiles("none", folder.Path, "none");
        var line = Assert.Single(
            new CheckpointSelfCheck(files, PublishedFigures.OfRealWeights()).Run(),
            line => line.Name.StartsWith("stage 2", StringComparison.Ordinal));
        Assert.Equal((false, true), (line.IsCompared, line.Agrees));
        Assert.Equal($"{folder.Path} is quantized, and the figures are those of the original", line.Text);

        File.WriteAllText(_file, DemoFigures.Value);
        var own = new CheckpointSelfCheck(files, PublishedFigures.Load(_file)).Run().First(line => line.Name == "stage 2");
        Assert.Equal((true, false), (own.IsCompared, own.Agrees));      // the folder has no weights
    }

    [Fact]
    public void Figures_are_computed_only_when_their_lines_are_enumerated()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(_file, DemoFigures.Value);
        var lines = new CheckpointSelfCheck(new(folder["tokenizer"], "none", "none"), PublishedFigures.Load(_file)).Run();
        File.Copy(Path.Combine(Demo.Stage1, "tokenizer.model"), folder["tokenizer"]);
        Assert.True(lines.First().Agrees);
    }

    [Fact]
    [Trait("Category", Goldens.Category)]
    public void The_published_ids_agree_with_the_real_tokenizer()
    {
        var files = new SelfCheckFiles(Goldens.PathOf("tokenizer", "tokenizer.model"), "none", "none");
        var lines = new CheckpointSelfCheck(files, PublishedFigures.OfRealWeights()).Run()
            .Where(line => line.Name.Split(':')[0] is "tokenizer" or "resampler" or "recipe clip").ToList();
        Assert.Equal(10, lines.Count);
        Assert.All(lines, line => Assert.True(line.Agrees, $"{line.Name}: {line.Text}"));
    }

    private IEnumerable<SelfCheckLine> Check(Action<JsonNode> alter)
    {
        var figures = JsonNode.Parse(DemoFigures.Value)!;
        alter(figures);
        File.WriteAllText(_file, figures.ToJsonString());
        var files = new SelfCheckFiles(Path.Combine(Demo.Stage1, "tokenizer.model"), Demo.Stage2, Demo.Codec);
        return new CheckpointSelfCheck(files, PublishedFigures.Load(_file)).Run();
    }

    private static JsonObject Compute()
    {
        var random = new Random(5);
        int[] first = [.. Enumerable.Range(0, 40).Select(_ => random.Next(1024))];
        return new JsonObject
        {
            ["note"] = "of the demo model",
            ["stage2_encode_0_40"] = new JsonObject { ["model"] = "demo", ["codebooks"] = Rows(Stage2(first)) },
            ["stage2_encode_17_33"] = new JsonObject { ["codebooks"] = Rows(Stage2(first[17..33])) },
            ["tokenizer"] = Tokenizer(),
            ["icl_single"] = new JsonObject { ["icl_ids"] = Ids(Sound.Value.Single) },
            ["icl_dual"] = new JsonObject
            {
                ["icl_ids"] = Ids(Sound.Value.Dual),
                ["codec_frames"] = Sound.Value.Frames,
                ["vocals_pcm_sha256"] = "f06b09894a64097621b2ee8b597b4be1a8da0da41fd516506daf9aedb872f5d4",
                ["instrumental_pcm_sha256"] = "cfad524f6cc28b5425d37e0ea5955379e2b490531354a3fbe66ff987841e9ade",
            },
            ["resample_44100_to_16000_first8"] = new JsonArray(
                0.00840338971465826f, 0.02939489483833313f, 0.2271393984556198f, 0.21687063574790955f,
                0.26996612548828125f, 0.32735475897789f, 0.45934030413627625f, 0.3711856007575989f),
            ["resample_44100_to_16000_len"] = 182,
            ["splice_stats"] = Sound.Value.Peaks,
            ["xcodec_decode"] = new JsonObject { ["wave_abs_max"] = Sound.Value.Decoded, ["frames"] = 25, ["bandwidth_kbps"] = 4.0 },
        };
    }

    private static JsonObject Tokenizer()
    {
        const string Verse = "[verse]\nla la\n\n";
        const string Chorus = "[chorus]\nlo\n\n";
        var tokenizer = YueTokenizer.Load(Path.Combine(Demo.Stage1, "tokenizer.model"));
        return new JsonObject
        {
            ["genres"] = "pop bright",
            ["lyrics"] = "[verse]\nla la\n\n[chorus]\nlo\n",
            ["head_ids"] = Ids(tokenizer.EncodeTemplate(
                $"Generate music from the given lyrics segment by segment.\n[Genre] pop bright\n{Verse}\n{Chorus}")),
            ["section_text_ids"] = Ids(tokenizer.EncodeText(Verse)),
            ["[start_of_segment]"] = Ids(tokenizer.EncodeText("[start_of_segment]")),
            ["first_segment_prompt_icl"] = "a sentence, not a figure",
        };
    }

    private static int[][] Stage2(int[] codes)
    {
        var config = LlamaConfig.Load(Demo.Stage2);
        using var checkpoint = SafetensorsCheckpoint.Open(Demo.Stage2);
        using var model = new LlamaModel(config, LlamaWeights.Load(config, new CheckpointTensors(checkpoint, ScalarType.Float32)));
        using var decoder = new TorchStage2Decoder(model, 3, Stage2Mask.Reference);
        using var run = decoder.Begin([codes[..3], codes]);
        while (!run.IsDone)
        {
            decoder.Advance();
        }

        return run.Codes(1, ..);
    }

    private static readonly Lazy<SoundValues> Sound = new(MeasureSound);

    private static SoundValues MeasureSound()
    {
        using var scope = NewDisposeScope();
        var config = CodecConfig.Load(Demo.Codec);
        using var checkpoint = TorchCheckpoint.Open(Path.Combine(Demo.Codec, "final_ckpt", "ckpt_00360000.pth"), "codec_model");
        var source = new CheckpointTensors(checkpoint, ScalarType.Float32);
        using var encoder = new CodecEncoder(source, config, HubertConfig.Load(Demo.Codec));
        using var decoder = new CodecDecoder(source, config);
        using var vocal = Vocoder("decoder_131000.pth");
        using var instrumental = Vocoder("decoder_151000.pth");
        int[] Codes(AudioClip clip) =>
            [.. encoder.Encode(tensor(Resampler.Resample(clip, 16_000).Samples), 0.5)[0].contiguous().data<long>()
                .Select(code => (int)code)];
        Tensor First(float[] clip) => encoder.Encode(tensor(clip), 4).narrow(1, 0, 25);

        var (sung, played) = (
            Codes(new(RecipeClips.Floats(RecipeClips.Vocal48()), 48_000)),
            Codes(new(RecipeClips.Floats(RecipeClips.Instrumental48()), 48_000)));
        var (left, right) = RecipeClips.Stereo44();
        var mixed = Codes(new([.. left.Zip(right, (l, r) => (l + r) / 65_536f)], 44_100));
        var song = new SongPeaks(new SongDecoder(decoder, vocal, instrumental), decoder, vocal, instrumental);
        return new(
            [.. mixed[25..175].Select(code => TokenMap.ToId(code))],
            [.. sung[50..125].Zip(played[50..125]).SelectMany(pair => (int[])[TokenMap.ToId(pair.First), TokenMap.ToId(pair.Second)])],
            sung.Length,
            SongPeaks.Of(decoder.Decode(decoder.Embed(First(RecipeClips.DecodeSingle())))),
            song.Measure(First(RecipeClips.DecodeVocal()), First(RecipeClips.DecodeInstrumental())));
    }

    private static Vocos Vocoder(string file)
    {
        using var checkpoint = TorchCheckpoint.Open(Path.Combine(Demo.Codec, "decoders", file), null);
        return new Vocos(new CheckpointTensors(checkpoint, ScalarType.Float32), VocosConfig.Load(Demo.Codec));
    }

    private static JsonArray Ids(int[] ids) => new([.. ids.Select(id => (JsonNode)id)]);

    private static JsonArray Rows(int[][] rows) => new([.. rows.Select(Ids)]);

    private sealed record SoundValues(int[] Single, int[] Dual, int Frames, float Decoded, JsonObject Peaks);

    /// <summary>Measures the peaks of songs with the decoder that song requests go through, and those of tracks with the individual
    /// models.</summary>
    private sealed class SongPeaks(SongDecoder songs, CodecDecoder codec, Vocos vocal, Vocos instrumental)
    {
        public JsonObject Measure(Tensor vocalCodes, Tensor instrumentalCodes)
        {
            var song = songs.Decode(vocalCodes, instrumentalCodes, SongParts.CodecMix | SongParts.VocoderMix | SongParts.Spliced);
            var (vocal44, instrumental44) = (vocal.Decode(codec.Embed(vocalCodes)), instrumental.Decode(codec.Embed(instrumentalCodes)));
            var mix44 = vocal44 + instrumental44;
            var gain = Math.Min(0.99f / Of(mix44), 1);
            var rescaled = new AudioClip([.. mix44.contiguous().data<float>().Select(sample => sample * gain)], 44_100);
            return new JsonObject
            {
                ["vocal_wave16_peak"] = Of(codec.Decode(codec.Embed(vocalCodes))),
                ["inst_wave16_peak"] = Of(codec.Decode(codec.Embed(instrumentalCodes))),
                ["vocal_wave44_peak"] = Of(vocal44),
                ["inst_wave44_peak"] = Of(instrumental44),
                ["recons_mix_peak"] = song.CodecMix!.Clip.Samples.Max(Math.Abs),
                ["clamp_vocoder_mix_peak_before_limit"] = Of(mix44),
                ["clamp_final_peak"] = song.Spliced!.Clip.Samples.Max(Math.Abs),
                ["rescale_final_peak"] = Splice.ReplaceLowFrequencies(song.CodecMix.Clip, rescaled).Samples.Max(Math.Abs),
            };
        }

        public static float Of(Tensor wave) => wave.abs().max().item<float>();
    }
}
