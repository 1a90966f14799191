using Yue.Engine.Audio;
using Yue.Engine.Vocoder;
using static TorchSharp.torch;

namespace Yue.Engine.Codec;

/// <summary>What a song can be decoded to; <see cref="SongDecoder"/> computes only what these need.</summary>
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
/// <param name="ClippedSamples">How many samples are not heard as computed: those that the ±0.99 clamp cut and, of the
/// parts that are not limited, those past ±1, which clip when they are written to a file.</param>
public sealed record SongPart(AudioClip Clip, long ClippedSamples);

/// <summary>The two tracks of a part.</summary>
public sealed record SongTracks(SongPart Vocal, SongPart Instrumental);

/// <summary>The parts that were asked for; the others are null.</summary>
public sealed record DecodedSong
{
    public SongTracks? CodecTracks { get; init; }

    public SongPart? CodecMix { get; init; }

    public SongTracks? VocoderTracks { get; init; }

    public SongPart? VocoderMix { get; init; }

    public SongPart? Spliced { get; init; }
}

/// <summary>How far the decoding of a song is.</summary>
/// <param name="Done">Frames done: a frame counts once for every model that decodes it.</param>
/// <param name="Total">Frames to do.</param>
public sealed record DecodeProgress(long Done, long Total);

/// <summary>Makes sound from the two tracks' codes: codec, vocoders, mix and splice (MODEL.md 7).</summary>
/// <remarks>
/// Nothing passes through a lossy file between the steps. Tracks are decoded in chunks: device memory is bounded by the
/// chunk, host memory grows with the song by a few buffers of samples. Does not own the models. Not for two threads at once.
/// </remarks>
/// <param name="codec">Decodes both tracks.</param>
/// <param name="vocalVocoder">Decodes the vocal track; null where only codec parts are asked for.</param>
/// <param name="instrumentalVocoder">Decodes the instrumental track; null where only codec parts are asked for.</param>
/// <param name="chunkFrames">The frames that are decoded at once.</param>
public sealed class SongDecoder(
    CodecDecoder codec,
    Vocos? vocalVocoder,
    Vocos? instrumentalVocoder,
    int chunkFrames = ChunkedDecoder.DefaultChunkFrames)
{
    private const SongParts NeedCodec = SongParts.CodecTracks | SongParts.CodecMix | SongParts.Spliced;
    private const SongParts NeedVocoder = SongParts.VocoderTracks | SongParts.VocoderMix | SongParts.Spliced;

    /// <summary>The parts that an output setting returns: the mix, and with stems the tracks, at its rate.</summary>
    public static SongParts PartsOf(OutputSettings output) => output switch
    {
        { SampleRate: OutputSettings.CodecSampleRateHz, Stems: false } => SongParts.CodecMix,
        { SampleRate: OutputSettings.CodecSampleRateHz, Stems: true } => SongParts.CodecMix | SongParts.CodecTracks,
        { Stems: false } => SongParts.Spliced,
        { Stems: true } => SongParts.Spliced | SongParts.VocoderTracks,
    };

    /// <summary>Decodes a song.</summary>
    /// <param name="vocalCodes">[Q, F], integer, on any device: row k is of codebook k. Null makes the instrumental track the
    /// mix; there are no tracks to ask for then.</param>
    /// <param name="instrumentalCodes">[Q, F], of the same F; F may be 0. Q 1 is a draft: the codec knows it, the vocoders do not.</param>
    /// <param name="parts">What to compute.</param>
    /// <param name="progress">Told after every chunk, on the calling thread when it is synchronous.</param>
    /// <param name="cancel">Looked at between chunks and before the splice.</param>
    /// <exception cref="ArgumentException">The tracks differ in length, or a code is no row of its codebook.</exception>
    public DecodedSong Decode(
        Tensor? vocalCodes,
        Tensor instrumentalCodes,
        SongParts parts,
        IProgress<DecodeProgress>? progress = null,
        CancellationToken cancel = default)
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

        var useCodec = (parts & NeedCodec) != 0;
        var useVocoder = (parts & NeedVocoder) != 0;
        if (useVocoder && (vocalVocoder is null || instrumentalVocoder is null))
        {
            throw new InvalidOperationException($"{parts} needs the vocoders, which are not loaded");
        }

        var tracks = vocalCodes is null ? 1 : 2;
        var done = new Counter(progress, F * tracks * ((useCodec ? 1 : 0) + (useVocoder ? 1 : 0)));
        var song = new DecodedSong();
        AudioClip? codecMix = null, vocoderMix = null;
        if (useCodec)
        {
            (song, codecMix) = DecodeByCodec(song, vocalCodes, instrumentalCodes, parts, done, cancel);
        }

        if (useVocoder)
        {
            (song, vocoderMix) = DecodeByVocoders(song, vocalCodes, instrumentalCodes, parts, done, cancel);
        }

        if (parts.HasFlag(SongParts.Spliced))
        {
            cancel.ThrowIfCancellationRequested();
            song = song with { Spliced = Unlimited(Splice.ReplaceLowFrequencies(codecMix!, vocoderMix!)) };
        }

        return song;
    }

    /// <summary>Step 1: the codec's tracks, each clamped, and their sum, which is not.</summary>
    private (DecodedSong Song, AudioClip Mix) DecodeByCodec(
        DecodedSong song, Tensor? vocalCodes, Tensor instrumentalCodes, SongParts parts, Counter done, CancellationToken cancel)
    {
        float[] Track(Tensor codes) => ChunkedDecoder.Decode(
            codes, Wave, codec.FrameSamples, codec.ContextFrames, chunkFrames, done.Add, cancel);
        Tensor Wave(Tensor codes)
        {
            using var embedding = codec.Embed(codes);
            return codec.Decode(embedding);
        }

        var vocal = vocalCodes is null ? null : Clamped(Track(vocalCodes), codec.SampleRateHz);
        var instrumental = Clamped(Track(instrumentalCodes), codec.SampleRateHz);
        var mix = vocal is null
            ? instrumental.Clip
            : new AudioClip(Mixer.Sum(vocal.Clip.Samples, instrumental.Clip.Samples), codec.SampleRateHz);
        return (song with
        {
            CodecTracks = parts.HasFlag(SongParts.CodecTracks) ? new SongTracks(vocal!, instrumental) : null,
            CodecMix = parts.HasFlag(SongParts.CodecMix) ? Unlimited(mix) : null,
        }, mix);
    }

    /// <summary>Step 2: the vocoders' tracks, summed before any clamp; the sum is clamped.</summary>
    private (DecodedSong Song, AudioClip Mix) DecodeByVocoders(
        DecodedSong song, Tensor? vocalCodes, Tensor instrumentalCodes, SongParts parts, Counter done, CancellationToken cancel)
    {
        float[] Track(Tensor codes, Vocos vocoder) => ChunkedDecoder.Decode(
            codes, part => Wave(part, vocoder), vocoder.FrameSamples, vocoder.ContextFrames, chunkFrames, done.Add, cancel);
        Tensor Wave(Tensor codes, Vocos vocoder)
        {
            using var embedding = codec.Embed(codes);
            return vocoder.Decode(embedding);
        }

        var sampleRateHz = codec.SampleRateHz / codec.FrameSamples * vocalVocoder!.FrameSamples;
        var vocal = vocalCodes is null ? null : Track(vocalCodes, vocalVocoder);
        var instrumental = Track(instrumentalCodes, instrumentalVocoder!);
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

    private sealed class Counter(IProgress<DecodeProgress>? progress, long total)
    {
        private long _done;

        public void Add(int frames)
        {
            _done += frames;
            progress?.Report(new DecodeProgress(_done, total));
        }
    }
}
