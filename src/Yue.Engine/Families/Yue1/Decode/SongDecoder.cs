using Yue.Engine.Audio;
using Yue.Engine.Families.Yue1.Codec;
using Yue.Engine.Families.Yue1.Vocoder;
using Yue.Engine.Songs;
using Yue.Engine.Tensors;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue1.Decode;

/// <summary>The parts that a song can be decoded to. <see cref="SongDecoder"/> computes only what they need.</summary>
[Flags]
public enum SongParts
{
    None = 0,

    /// <summary>Both tracks from the codec (16 kHz), clamped to ±0.99.</summary>
    CodecTracks = 1,

    /// <summary>The sum of the clamped codec tracks (16 kHz): up to ±1.98, not limited.</summary>
    CodecMix = 2,

    /// <summary>Both tracks from the vocoders (44.1 kHz), clamped to ±0.99.</summary>
    VocoderTracks = 4,

    /// <summary>The sum of the vocoder tracks before their clamp (44.1 kHz), itself clamped to ±0.99.</summary>
    VocoderMix = 8,

    /// <summary>The finished song (44.1 kHz): the codec mix below 5.5 kHz, the vocoder mix above; not limited.</summary>
    Spliced = 16,
}

/// <summary>One finished part of a song.</summary>
/// <param name="Clip">The sound.</param>
/// <param name="ClippedSamples">The number of samples that are not heard as computed: those that the ±0.99 clamp cut and, in parts that
/// are not limited, those past ±1, which clip when they are written to a file.</param>
public sealed record SongPart(AudioClip Clip, long ClippedSamples);

/// <summary>The two tracks of a part.</summary>
public sealed record SongTracks(SongPart Vocal, SongPart Instrumental);

/// <summary>The parts that were requested. The others are null.</summary>
public sealed record DecodedSong
{
    public SongTracks? CodecTracks { get; init; }

    public SongPart? CodecMix { get; init; }

    public SongTracks? VocoderTracks { get; init; }

    public SongPart? VocoderMix { get; init; }

    public SongPart? Spliced { get; init; }
}

/// <summary>A step of decoding a song.</summary>
/// <param name="Done">The frames decoded so far. A frame counts once for every model that decodes it.</param>
/// <param name="Total">The frames to decode.</param>
/// <param name="Assemble">Mixes and splices the decoded tracks, on the CPU and on any thread; null until the last step.</param>
public sealed record DecodeStep(long Done, long Total, Func<DecodedSong>? Assemble = null);

/// <summary>Decodes the two tracks' codes to sound: codec, vocoders, mix and splice (docs/model.md 7).</summary>
/// <remarks>
/// There is no lossy file between the steps. Tracks are decoded in chunks, so device memory is bounded by the chunk. Host memory
/// grows with the song by a few buffers of samples. Does not own the models. Not for two threads at once.
/// </remarks>
/// <param name="codec">Decodes both tracks.</param>
/// <param name="vocalVocoder">Decodes the vocal track; null if only codec parts are requested.</param>
/// <param name="instrumentalVocoder">Decodes the instrumental track; null if only codec parts are requested.</param>
/// <param name="chunkFrames">The frames that are decoded at once.</param>
public sealed class SongDecoder(
    CodecDecoder codec,
    Vocos? vocalVocoder,
    Vocos? instrumentalVocoder,
    int chunkFrames = ChunkedDecoder.DefaultChunkFrames)
{
    private const SongParts NeedCodec = SongParts.CodecTracks | SongParts.CodecMix | SongParts.Spliced;
    private const SongParts NeedVocoder = SongParts.VocoderTracks | SongParts.VocoderMix | SongParts.Spliced;

    /// <summary>Returns the parts that an output setting needs: the mix, and with stems the tracks, at its rate.</summary>
    public static SongParts PartsOf(OutputSettings output) => output switch
    {
        { SampleRate: OutputSettings.CodecSampleRateHz, Stems: false } => SongParts.CodecMix,
        { SampleRate: OutputSettings.CodecSampleRateHz, Stems: true } => SongParts.CodecMix | SongParts.CodecTracks,
        { Stems: false } => SongParts.Spliced,
        { Stems: true } => SongParts.Spliced | SongParts.VocoderTracks,
    };

    /// <summary>Decodes a song at once.</summary>
    /// <inheritdoc cref="Steps"/>
    public DecodedSong Decode(Tensor? vocalCodes, Tensor instrumentalCodes, SongParts parts) =>
        Steps(vocalCodes, instrumentalCodes, parts).Last().Assemble!();

    /// <summary>Decodes a song, one chunk per step.</summary>
    /// <param name="vocalCodes">[Q, F], integer, on any device: row k is of codebook k. Null makes the instrumental track the
    /// mix; the tracks cannot be requested then.</param>
    /// <param name="instrumentalCodes">[Q, F], of the same F; F may be 0. A
    /// draft has Q 1: the codec can decode it, the vocoders cannot.</param>
    /// <param name="parts">The parts to compute.</param>
    /// <exception cref="ArgumentException">The tracks differ in length, or a code is not a row of its codebook.</exception>
    public IEnumerable<DecodeStep> Steps(Tensor? vocalCodes, Tensor instrumentalCodes, SongParts parts)
    {
        var (Q, F) = Shape.Dims2(instrumentalCodes);
        if (vocalCodes is not null)
        {
            Shape.Expect(vocalCodes, [Q, F]);
        }
        else if ((parts & (SongParts.CodecTracks | SongParts.VocoderTracks)) != 0)
        {
            throw new ArgumentException($"{parts} needs both tracks", nameof(vocalCodes));
        }

        var useVocoder = (parts & NeedVocoder) != 0;
        if (useVocoder && (vocalVocoder is null || instrumentalVocoder is null))
        {
            throw new InvalidOperationException($"{parts} needs the vocoders, which are not loaded");
        }

        var byCodec = (parts & NeedCodec) != 0
            ? new Pair(vocalCodes is null ? null : ByCodec(vocalCodes), ByCodec(instrumentalCodes))
            : null;
        var byVocoder = useVocoder
            ? new Pair(vocalCodes is null ? null : ByVocoder(vocalCodes, vocalVocoder!), ByVocoder(instrumentalCodes, instrumentalVocoder!))
            : null;
        return Run([.. Pair.TracksOf(byCodec), .. Pair.TracksOf(byVocoder)], F, () => Assemble(parts, byCodec, byVocoder));
    }

    private static IEnumerable<DecodeStep> Run(IReadOnlyCollection<ChunkedDecoder> tracks, long frames, Func<DecodedSong> assemble)
    {
        var (done, total) = (0L, tracks.Count * frames);
        foreach (var track in tracks)
        {
            while (!track.IsDone)
            {
                done += track.Advance();
                yield return new DecodeStep(done, total);
            }
        }

        yield return new DecodeStep(done, total, assemble);
    }

    private ChunkedDecoder ByCodec(Tensor codes) =>
        new(codes, part => Wave(part, codec.Decode), codec.FrameSamples, codec.ContextFrames, chunkFrames);

    private ChunkedDecoder ByVocoder(Tensor codes, Vocos vocoder) =>
        new(codes, part => Wave(part, vocoder.Decode), vocoder.FrameSamples, vocoder.ContextFrames, chunkFrames);

    private Tensor Wave(Tensor codes, Func<Tensor, Tensor> decode)
    {
        using var embedding = codec.Embed(codes);
        return decode(embedding);
    }

    private DecodedSong Assemble(SongParts parts, Pair? byCodec, Pair? byVocoder)
    {
        var song = new DecodedSong();
        AudioClip? codecMix = null, vocoderMix = null;
        if (byCodec is not null)
        {
            (song, codecMix) = AddCodecParts(song, byCodec, parts);
        }

        if (byVocoder is not null)
        {
            (song, vocoderMix) = AddVocoderParts(song, byVocoder, parts);
        }

        return parts.HasFlag(SongParts.Spliced)
            ? song with { Spliced = Unlimited(Splice.ReplaceLowFrequencies(codecMix!, vocoderMix!)) }
            : song;
    }

    /// <summary>Returns step 1: the codec's tracks, each clamped, and their sum, which is not.</summary>
    private (DecodedSong Song, AudioClip Mix) AddCodecParts(DecodedSong song, Pair tracks, SongParts parts)
    {
        var vocal = tracks.Vocal is null ? null : Clamped(tracks.Vocal.Samples, codec.SampleRateHz);
        var instrumental = Clamped(tracks.Instrumental.Samples, codec.SampleRateHz);
        var mix = vocal is null
            ? instrumental.Clip
            : new AudioClip(Mixer.Sum(vocal.Clip.Samples, instrumental.Clip.Samples), codec.SampleRateHz);
        return (song with
        {
            CodecTracks = parts.HasFlag(SongParts.CodecTracks) ? new SongTracks(vocal!, instrumental) : null,
            CodecMix = parts.HasFlag(SongParts.CodecMix) ? Unlimited(mix) : null,
        }, mix);
    }

    /// <summary>Returns step 2: the vocoders' tracks, summed before any clamp. The sum is clamped.</summary>
    private (DecodedSong Song, AudioClip Mix) AddVocoderParts(DecodedSong song, Pair tracks, SongParts parts)
    {
        var sampleRateHz = codec.SampleRateHz / codec.FrameSamples * vocalVocoder!.FrameSamples;
        var (vocal, instrumental) = (tracks.Vocal?.Samples, tracks.Instrumental.Samples);
        var mix = Clamped(vocal is null ? instrumental : Mixer.Sum(vocal, instrumental), sampleRateHz);
        return (song with
        {
            VocoderTracks = parts.HasFlag(SongParts.VocoderTracks)
                ? new SongTracks(Clamped(vocal!, sampleRateHz), Clamped(instrumental, sampleRateHz))
                : null,
            VocoderMix = parts.HasFlag(SongParts.VocoderMix) ? mix : null,
        }, mix.Clip);
    }

    private static SongPart Clamped(float[] samples, int sampleRateHz)
    {
        var clipped = Mixer.Clamp(samples);
        return new SongPart(new AudioClip(samples, sampleRateHz), clipped);
    }

    private static SongPart Unlimited(AudioClip clip) => new(clip, Mixer.CountPastFullScale(clip.Samples));

    /// <summary>The tracks as one model decodes them. Without a vocal track the instrumental track is the song.</summary>
    private sealed record Pair(ChunkedDecoder? Vocal, ChunkedDecoder Instrumental)
    {
        public static IEnumerable<ChunkedDecoder> TracksOf(Pair? pair) => pair switch
        {
            null => [],
            { Vocal: null } => [pair.Instrumental],
            _ => [pair.Vocal, pair.Instrumental],
        };
    }
}
