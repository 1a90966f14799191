using System.Text.Json;
using System.Text.Json.Serialization;
using Yue.Engine.Weights;

namespace Yue.Engine.Families.Yue1.SelfCheck;

/// <summary>Figures that another implementation measured on a set of checkpoints (docs/model.md 10).</summary>
public sealed record PublishedFigures
{
    private static readonly JsonSerializerOptions Json = new() { RespectNullableAnnotations = true, AllowDuplicateProperties = false };

    /// <summary>True if the figures are those of the published checkpoints; quantized checkpoints do not reproduce them.</summary>
    [JsonIgnore]
    public bool AreOfPublishedCheckpoints { get; private init; }

    [JsonPropertyName("stage2_encode_0_40")]
    public required CodesFigure Stage2Whole { get; init; }

    [JsonPropertyName("stage2_encode_17_33")]
    public required CodesFigure Stage2Part { get; init; }

    [JsonPropertyName("tokenizer")]
    public required TokenizerFigure Tokenizer { get; init; }

    [JsonPropertyName("icl_single")]
    public required SingleClipFigure SingleClip { get; init; }

    [JsonPropertyName("icl_dual")]
    public required DualClipFigure DualClip { get; init; }

    [JsonPropertyName("resample_44100_to_16000_first8")]
    public required float[] Resampled { get; init; }

    [JsonPropertyName("resample_44100_to_16000_len")]
    public required int ResampledLength { get; init; }

    [JsonPropertyName("splice_stats")]
    public required PeakFigures Peaks { get; init; }

    [JsonPropertyName("xcodec_decode")]
    public required DecodeFigure Decode { get; init; }

    /// <summary>Returns the figures of the public YuE checkpoints. The figures are embedded in the program.</summary>
    public static PublishedFigures OfRealWeights() =>
        FigureFile.LoadEmbedded<PublishedFigures>("published-figures.json", Json) with { AreOfPublishedCheckpoints = true };

    /// <summary>Reads figures from a file in the same format.</summary>
    /// <exception cref="CheckpointException">The file is invalid.</exception>
    public static PublishedFigures Load(string file) => FigureFile.Load<PublishedFigures>(file, Json);
}

/// <summary>Stage 2's greedy codes, [Q, F]; row 0 is its input.</summary>
public sealed record CodesFigure
{
    [JsonPropertyName("codebooks")]
    public required int[][] Codebooks { get; init; }
}

/// <summary>Texts and the ids that they are encoded to.</summary>
public sealed record TokenizerFigure
{
    [JsonPropertyName("genres")]
    public required string Genre { get; init; }

    [JsonPropertyName("lyrics")]
    public required string Lyrics { get; init; }

    [JsonPropertyName("head_ids")]
    public required int[] Head { get; init; }

    [JsonPropertyName("section_text_ids")]
    public required int[] FirstSection { get; init; }

    /// <summary>The ids of other texts, each keyed by its text, such as <c>[start_of_segment]</c>. Keys that do not begin with
    /// <c>[</c> are notes.</summary>
    [JsonExtensionData]
    public IDictionary<string, JsonElement> Texts { get; init; } = new Dictionary<string, JsonElement>();
}

/// <summary>The ids of a reference clip that is one mixed track.</summary>
public record SingleClipFigure
{
    [JsonPropertyName("icl_ids")]
    public required int[] Ids { get; init; }
}

/// <summary>The ids of a reference clip with two tracks, the length of a track in frames, and the hashes of the tracks as 16-bit
/// samples.</summary>
public sealed record DualClipFigure : SingleClipFigure
{
    [JsonPropertyName("codec_frames")]
    public required int Frames { get; init; }

    [JsonPropertyName("vocals_pcm_sha256")]
    public required string VocalSha256 { get; init; }

    [JsonPropertyName("instrumental_pcm_sha256")]
    public required string InstrumentalSha256 { get; init; }
}

/// <summary>The largest absolute sample at each step from codes to the finished song.</summary>
public sealed record PeakFigures
{
    [JsonPropertyName("vocal_wave16_peak")]
    public required float Vocal16 { get; init; }

    [JsonPropertyName("inst_wave16_peak")]
    public required float Instrumental16 { get; init; }

    [JsonPropertyName("vocal_wave44_peak")]
    public required float Vocal44 { get; init; }

    [JsonPropertyName("inst_wave44_peak")]
    public required float Instrumental44 { get; init; }

    [JsonPropertyName("recons_mix_peak")]
    public required float CodecMix { get; init; }

    [JsonPropertyName("clamp_vocoder_mix_peak_before_limit")]
    public required float VocoderMix { get; init; }

    [JsonPropertyName("clamp_final_peak")]
    public required float FinalClamped { get; init; }

    [JsonPropertyName("rescale_final_peak")]
    public required float FinalRescaled { get; init; }
}

/// <summary>The largest absolute sample of a decoded clip, its length in frames, and the bandwidth of its codes.</summary>
public sealed record DecodeFigure
{
    [JsonPropertyName("wave_abs_max")]
    public required float Peak { get; init; }

    [JsonPropertyName("frames")]
    public required int Frames { get; init; }

    [JsonPropertyName("bandwidth_kbps")]
    public required double BandwidthKbps { get; init; }
}
