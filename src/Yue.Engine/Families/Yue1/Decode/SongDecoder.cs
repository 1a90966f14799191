using Yue.Engine.Audio;
using Yue.Engine.Families.Yue1.Codec;
using Yue.Engine.Families.Yue1.Vocoder;
using Yue.Engine.Songs;
using Yue.Engine.Tensors;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue1.Decode;

/// <summary>The parts that a song can be decoded to. <see cref="SongDecoder"/> computes only what the requested parts need.</summary>
[Flags]
public enum SongParts
{
    None = 0,

    /// <summary>Both tracks from the codec (16 kHz), clamped to ±0.99.</summary>
    CodecTracks = 1,

    /// <summary>The sum of the clamped codec tracks (16 kHz), up to ±1.98. It is not limited.</summary>
    CodecMix = 2,

    /// <summary>Both tracks from the vocoders (44.1 kHz), clamped to ±0.99.</summary>
    VocoderTracks = 4,

    /// <summary>The sum of the vocoder tracks before their clamp (44.1 kHz), itself clamped to ±0.99.</summary>
    VocoderMix = 8,

    /// <summary>The finished song (44.1 kHz): the codec mix below 5.5 kHz, and the vocoder mix above. It is not limited.</summary>
    Spliced = 16,

    /// <summary>The parts that need sound from the codec.</summary>
    NeedCodec = CodecTracks | CodecMix | Spliced,

    /// <summary>The parts that need sound from the vocoders.</summary>
    NeedVocoder = VocoderTracks | VocoderMix | Spliced,
}

/// <summary>One finished part of a song.</summary>
/// <param name="Clip">The sound.</param>
/// <param name="ClippedSamples">The number of clipped samples: in clamped parts, those that the ±0.99 clamp changed; in the others, those
/// past ±1, which clip when they are written to a file.</param>
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

/// <summary>Decodes the two tracks' codes to sound: codec, vocoders, mix and splice (docs/model.md 7).</summary>
/// <remarks>Unlike the reference, it writes no lossy files between the steps. Tracks are decoded in windows, so device memory is bounded by
/// the window. Host memory holds a few buffers of samples, which grow with the song. Does not own the models. Not thread-safe.</remarks>
/// <param name="codec">Decodes both tracks.</param>
/// <param name="vocalVocoder">Decodes the vocal track; null if only codec parts are requested.</param>
/// <param name="instrumentalVocoder">Decodes the instrumental track; null if only codec parts are requested.</param>
/// <param name="windows">The windows in which tracks are decoded; null means <see cref="DecodeWindows.Default"/>.</param>
public sealed class SongDecoder(
    CodecDecoder codec, Vocos? vocalVocoder, Vocos? instrumentalVocoder, DecodeWindows? windows = null)
{
    private readonly DecodeWindows _windows = windows ?? DecodeWindows.Default;

    /// <summary>Returns the parts for a song's output settings: the mix at their sample rate, and the tracks if stems are
    /// requested.</summary>
    public static SongParts PartsOf(OutputSettings output) => output switch
    {
        { SampleRate: OutputSettings.CodecSampleRateHz, Stems: false } => SongParts.CodecMix,
        { SampleRate: OutputSettings.CodecSampleRateHz, Stems: true } => SongParts.CodecMix | SongParts.CodecTracks,
        { Stems: false } => SongParts.Spliced,
        { Stems: true } => SongParts.Spliced | SongParts.VocoderTracks,
    };

    /// <summary>Starts decoding a song.</summary>
    /// <param name="hasVocal">If false, the mix is the instrumental track, and the tracks cannot be requested.</param>
    /// <param name="parts">The parts to compute.</param>
    public SongDecoding Begin(bool hasVocal, SongParts parts)
    {
        if (!hasVocal && (parts & (SongParts.CodecTracks | SongParts.VocoderTracks)) != 0)
        {
            throw new ArgumentException($"{parts} needs both tracks", nameof(hasVocal));
        }

        var vocal = hasVocal ? new CodeTrack() : null;
        var instrumental = new CodeTrack();
        return new SongDecoding(vocal, instrumental, ByCodec(vocal, instrumental, parts), ByVocoder(vocal, instrumental, parts));
    }

    /// <summary>Returns a mixer for the windows of a song.</summary>
    /// <param name="hasVocal">False if the song has only the instrumental track.</param>
    /// <param name="parts">The parts to compute.</param>
    /// <param name="isHeard">True if the mixer is to return sound before the song is finished.</param>
    public SongMixer NewMixer(bool hasVocal, SongParts parts, bool isHeard) =>
        new(hasVocal, parts, codec.SampleRateHz, codec.SampleRateHz / codec.FrameSamples * (vocalVocoder?.FrameSamples ?? 0), isHeard);

    /// <summary>Decodes a whole song.</summary>
    /// <param name="vocalCodes">[Q, F], integer, on any device: row k holds the codes of codebook k. If null, the mix is the instrumental
    /// track.</param>
    /// <param name="instrumentalCodes">[Q, F], with the same Q and F; F may be 0. A draft has Q = 1 and is decoded by the codec
    /// only.</param>
    /// <param name="parts">The parts to compute.</param>
    /// <exception cref="ArgumentException">The tracks differ in length, or a code is not the index of a row of its codebook.</exception>
    public DecodedSong Decode(Tensor? vocalCodes, Tensor instrumentalCodes, SongParts parts)
    {
        var (Q, F) = Shape.Dims2(instrumentalCodes);
        if (vocalCodes is not null)
        {
            Shape.Expect(vocalCodes, [Q, F]);
        }

        var song = Begin(vocalCodes is not null, parts);
        var mixer = NewMixer(vocalCodes is not null, parts, isHeard: false);
        song.Append(vocalCodes is null ? null : RowsOf(vocalCodes), RowsOf(instrumentalCodes));
        song.Complete();
        while (song.CanAdvance)
        {
            mixer.Add(song.Advance());
        }

        mixer.Complete();
        return mixer.Finish();
    }

    /// <summary>Decodes a window of every regular length with every model, so that on a GPU, the convolutions are planned before the
    /// first song.</summary>
    public void WarmUp()
    {
        var tracks = (Vocal: new CodeTrack(), Instrumental: new CodeTrack());
        ByCodec(null, tracks.Instrumental, SongParts.Spliced)!.WarmUp();
        ByVocoder(tracks.Vocal, tracks.Instrumental, SongParts.Spliced)!.WarmUp();
    }

    /// <summary>Returns the codes of a tensor as rows.</summary>
    /// <param name="codes">[Q, F], integer, on any device.</param>
    internal static int[][] RowsOf(Tensor codes)
    {
        using var scope = NewDisposeScope();
        return
        [
            .. Enumerable.Range(0, (int)codes.shape[0]).Select(row =>
                Array.ConvertAll(codes[row].to(ScalarType.Int64).cpu().contiguous().data<long>().ToArray(), code => checked((int)code))),
        ];
    }

    private TrackPair? ByCodec(CodeTrack? vocal, CodeTrack instrumental, SongParts parts)
    {
        TrackDecoder Decoder(CodeTrack codes) =>
            new(codes, window => Wave(window, codec.Decode), codec.FrameSamples, codec.ContextFrames, _windows);
        return (parts & SongParts.NeedCodec) == 0
            ? null
            : new TrackPair(SoundModel.Codec, vocal is null ? null : Decoder(vocal), Decoder(instrumental));
    }

    private TrackPair? ByVocoder(CodeTrack? vocal, CodeTrack instrumental, SongParts parts)
    {
        if ((parts & SongParts.NeedVocoder) == 0)
        {
            return null;
        }

        if (vocalVocoder is null || instrumentalVocoder is null)
        {
            throw new InvalidOperationException($"{parts} needs the vocoders, which are not loaded");
        }

        TrackDecoder Decoder(CodeTrack codes, Vocos vocoder) =>
            new(codes, window => Wave(window, vocoder.Decode), vocoder.FrameSamples, vocoder.ContextFrames, _windows);
        return new TrackPair(
            SoundModel.Vocoder, vocal is null ? null : Decoder(vocal, vocalVocoder), Decoder(instrumental, instrumentalVocoder));
    }

    private Tensor Wave(Tensor codes, Func<Tensor, Tensor> decode)
    {
        using var embedding = codec.Embed(codes);
        return decode(embedding);
    }
}
