using Yue.Engine.Audio;
using Yue.Engine.Families.Yue1.Stage2;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Llama;
using Yue.Engine.Songs;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue1.SelfCheck;

/// <summary>The checkpoint files that the self-check reads.</summary>
/// <param name="Tokenizer">The SentencePiece model.</param>
/// <param name="Stage2">The stage-2 folder.</param>
/// <param name="Codec">The codec folder, with the vocoders.</param>
public sealed record SelfCheckFiles(string Tokenizer, string Stage2, string Codec);

/// <summary>Recomputes published figures with the installed checkpoints, in float32 on the CPU (docs/model.md 10).</summary>
/// <remarks>Codes and ids must match exactly, because the smallest published margins between the best and the second-best code are far
/// larger than float32 rounding errors.</remarks>
public sealed class CheckpointSelfCheck(SelfCheckFiles files, PublishedFigures figures)
{
    // Peaks differ slightly if sums are computed in a different order. A different code changes a peak by at least 0.01.
    private const double PeakTolerance = 2e-4;
    private const double ResamplerTolerance = 1e-6;
    private const double PromptKbps = 0.5;

    /// <summary>Returns the comparisons of all figures. All comparisons of a group are computed when the first of them is
    /// enumerated.</summary>
    public IEnumerable<SelfCheckLine> Run() =>
        Guarded("tokenizer", Tokenizer)
            .Concat(Guarded("resampler", ResamplerLines))
            .Concat(Guarded("recipe clips", Clips))
            .Concat(Guarded("stage 2", Stage2Lines))
            .Concat(Guarded("codec and vocoders", Sound));

    /// <summary>Returns the lines of a group, or one line with the reason if the group's files cannot be used.</summary>
    private static IEnumerable<SelfCheckLine> Guarded(string group, Func<IEnumerable<SelfCheckLine>> lines)
    {
        foreach (var line in LinesOf(group, lines))
        {
            yield return line;
        }
    }

    private static IReadOnlyList<SelfCheckLine> LinesOf(string group, Func<IEnumerable<SelfCheckLine>> lines)
    {
        try
        {
            return [.. lines()];
        }
        catch (Exception error) when (error is CheckpointException or SongException or ArgumentException or InvalidOperationException)
        {
            return [new(group, false, $"cannot be checked: {error.Message}")];
        }
    }

    private IEnumerable<SelfCheckLine> Tokenizer()
    {
        var tokenizer = YueTokenizer.Load(files.Tokenizer);
        var published = figures.Tokenizer;
        var sections = LyricsParser.Parse(published.Lyrics).Sections;
        yield return SelfCheckLine.Equal(
            "tokenizer: prompt head", published.Head, new PromptBuilder(tokenizer).Build(published.Genre, sections).Head.AsSpan());
        yield return SelfCheckLine.Equal("tokenizer: first section", published.FirstSection, tokenizer.EncodeText(sections[0].Text));
        foreach (var (text, ids) in published.Texts.Where(entry => entry.Key.StartsWith('[')))
        {
            yield return SelfCheckLine.Equal(
                $"tokenizer: {text}", [.. ids.EnumerateArray().Select(id => id.GetInt32())], tokenizer.EncodeText(text));
        }
    }

    private IEnumerable<SelfCheckLine> ResamplerLines()
    {
        var found = new Resampler(44_100, 16_000).Apply(RecipeClips.ResamplerInput());
        yield return SelfCheckLine.Equal("resampler: length", [figures.ResampledLength], [found.Length]);
        yield return SelfCheckLine.Close(
            "resampler: first values", ResamplerTolerance, figures.Resampled,
            found.AsSpan(0, Math.Min(found.Length, figures.Resampled.Length)));
    }

    private IEnumerable<SelfCheckLine> Clips() =>
    [
        SelfCheckLine.Equal("recipe clip: vocal", figures.DualClip.VocalSha256, RecipeClips.Sha256(RecipeClips.Vocal48())),
        SelfCheckLine.Equal(
            "recipe clip: instrumental", figures.DualClip.InstrumentalSha256, RecipeClips.Sha256(RecipeClips.Instrumental48())),
    ];

    private IEnumerable<SelfCheckLine> Stage2Lines()
    {
        var config = LlamaConfig.Load(files.Stage2);
        if (figures.AreOfPublishedCheckpoints && config.IsQuantized)
        {
            const string Reason = "is quantized, and the figures are those of the original";
            yield return new("stage 2", true, $"{files.Stage2} {Reason}") { IsCompared = false };
            yield break;
        }

        using var checkpoint = SafetensorsCheckpoint.Open(files.Stage2);
        using var model = new LlamaModel(config, LlamaWeights.Load(config, new CheckpointTensors(checkpoint, ScalarType.Float32)));
        using var decoder = new TorchStage2Decoder(model, maxRows: 1, Stage2Mask.Reference);
        foreach (var (name, published)
            in new[] { ("a chunk of 40 frames", figures.Stage2Whole), ("a chunk of 16 frames", figures.Stage2Part) })
        {
            using var run = decoder.Begin([published.Codebooks[0]]);
            while (!run.IsDone)
            {
                decoder.Advance();
            }

            yield return SelfCheckLine.Equal(
                $"stage 2: {name}",
                published.Codebooks.SelectMany(row => row).ToArray(),
                run.Codes(0, ..).SelectMany(row => row).ToArray());
        }
    }

    private IEnumerable<SelfCheckLine> Sound()
    {
        using var sound = new SoundFigures(files.Codec);
        var (vocal, instrumental) = (
            sound.Codebook0(RecipeClips.Vocal48(), 48_000, PromptKbps), sound.Codebook0(RecipeClips.Instrumental48(), 48_000, PromptKbps));
        yield return SelfCheckLine.Equal(
            "codec: frames of the recipe clips", [figures.DualClip.Frames, figures.DualClip.Frames], [vocal.Length, instrumental.Length]);
        yield return SelfCheckLine.Equal(
            "codec: ids of the two-track clip", figures.DualClip.Ids, ReferenceClip.OfTracks(vocal, instrumental, 1, 2.5).Ids.AsSpan());
        var (left, right) = RecipeClips.Stereo44();
        var mixed = sound.Codebook0(left, right, 44_100, PromptKbps);
        yield return SelfCheckLine.Equal(
            "codec: ids of the mixed clip", figures.SingleClip.Ids, ReferenceClip.OfMix(mixed, 0.5, 3.5).Ids.AsSpan());

        var published = figures.Peaks;
        var (kbps, frames) = (figures.Decode.BandwidthKbps, figures.Decode.Frames);
        yield return Peak(
            "codec: peak of a decoded clip", figures.Decode.Peak, sound.DecodedPeak(RecipeClips.DecodeSingle(), kbps, frames));
        var found = sound.Peaks(RecipeClips.DecodeVocal(), RecipeClips.DecodeInstrumental(), kbps, frames);
        yield return Peak("codec: vocal peak", published.Vocal16, found.Vocal16);
        yield return Peak("codec: instrumental peak", published.Instrumental16, found.Instrumental16);
        yield return Peak("codec: mix peak", published.CodecMix, found.CodecMix);
        yield return Peak("vocoder: vocal peak", published.Vocal44, found.Vocal44);
        yield return Peak("vocoder: instrumental peak", published.Instrumental44, found.Instrumental44);
        yield return Peak("vocoder: mix peak", published.VocoderMix, found.VocoderMix);
        yield return Peak("splice: peak of the song, clamped", published.FinalClamped, found.FinalClamped);
        yield return Peak("splice: peak of the song, rescaled", published.FinalRescaled, found.FinalRescaled);
    }

    private static SelfCheckLine Peak(string name, float published, float found) =>
        SelfCheckLine.Close(name, PeakTolerance, [published], [found]);
}
