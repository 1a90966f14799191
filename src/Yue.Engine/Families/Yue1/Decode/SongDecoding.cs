using Yue.Engine.Audio;

namespace Yue.Engine.Families.Yue1.Decode;

/// <summary>The codes of one song on their way to sound, one window per step. Frames may be added between the steps.</summary>
/// <remarks>Used by one thread at a time.</remarks>
public sealed class SongDecoding
{
    private readonly CodeTrack? _vocal;
    private readonly CodeTrack _instrumental;
    private readonly SongParts _parts;
    private readonly TrackPair? _byCodec;
    private readonly TrackPair? _byVocoder;

    /// <summary>Creates the decoding of a song that has no frames yet.</summary>
    internal SongDecoding(CodeTrack? vocal, CodeTrack instrumental, SongParts parts, TrackPair? byCodec, TrackPair? byVocoder) =>
        (_vocal, _instrumental, _parts, _byCodec, _byVocoder) = (vocal, instrumental, parts, byCodec, byVocoder);

    /// <summary>The frames decoded so far. A frame counts once for every track and model that decodes it.</summary>
    public long FramesDone => Pairs.Sum(pair => (long)pair.Tracks * pair.FramesDone);

    /// <summary>The number of times that each frame of the song is decoded.</summary>
    public int Passes => Pairs.Sum(pair => pair.Tracks);

    /// <summary>True if the next window of a model is written.</summary>
    public bool CanAdvance => Pairs.Any(pair => pair.CanAdvance);

    /// <summary>True if the song is complete and every frame is decoded.</summary>
    public bool IsDone => _instrumental.IsComplete && Pairs.All(pair => pair.IsDone);

    private IEnumerable<TrackPair> Pairs => new[] { _byCodec, _byVocoder }.OfType<TrackPair>();

    /// <summary>Adds frames.</summary>
    /// <param name="vocal">[Q][n]: row k is of codebook k; null for a song that is its instrumental track.</param>
    /// <param name="instrumental">[Q][n].</param>
    public void Append(int[][]? vocal, int[][] instrumental)
    {
        if (vocal is not null)
        {
            (_vocal ?? throw new ArgumentException("the song has no vocal track", nameof(vocal))).Append(vocal);
        }

        _instrumental.Append(instrumental);
    }

    /// <summary>Says that no more frames will be added.</summary>
    public void Complete()
    {
        if (_vocal is not null && _vocal.Frames != _instrumental.Frames)
        {
            throw new InvalidOperationException(
                $"the vocal track has {_vocal.Frames} frames and the instrumental track {_instrumental.Frames}");
        }

        _vocal?.Complete();
        _instrumental.Complete();
    }

    /// <summary>Decodes the next window of the model that is farthest from the end.</summary>
    public void Advance() => Pairs.Where(pair => pair.CanAdvance).MinBy(pair => pair.FramesDone)!.Advance();

    /// <summary>Mixes and splices the decoded tracks, on the CPU and on any thread.</summary>
    public DecodedSong Assemble()
    {
        var song = new DecodedSong();
        AudioClip? codecMix = null, vocoderMix = null;
        if (_byCodec is not null)
        {
            (song, codecMix) = AddCodecParts(song, _byCodec);
        }

        if (_byVocoder is not null)
        {
            (song, vocoderMix) = AddVocoderParts(song, _byVocoder);
        }

        return _parts.HasFlag(SongParts.Spliced)
            ? song with { Spliced = Unlimited(Splice.ReplaceLowFrequencies(codecMix!, vocoderMix!)) }
            : song;
    }

    /// <summary>Returns step 1: the codec's tracks, each clamped, and their sum, which is not.</summary>
    private (DecodedSong Song, AudioClip Mix) AddCodecParts(DecodedSong song, TrackPair tracks)
    {
        var (vocalSamples, instrumentalSamples) = tracks.TakeSamples();
        var vocal = vocalSamples is null ? null : Clamped(vocalSamples, tracks.SampleRateHz);
        var instrumental = Clamped(instrumentalSamples, tracks.SampleRateHz);
        var mix = vocal is null
            ? instrumental.Clip
            : new AudioClip(Mixer.Sum(vocal.Clip.Samples, instrumental.Clip.Samples), tracks.SampleRateHz);
        return (song with
        {
            CodecTracks = _parts.HasFlag(SongParts.CodecTracks) ? new SongTracks(vocal!, instrumental) : null,
            CodecMix = _parts.HasFlag(SongParts.CodecMix) ? Unlimited(mix) : null,
        }, mix);
    }

    /// <summary>Returns step 2: the vocoders' tracks, summed before any clamp. The sum is clamped.</summary>
    private (DecodedSong Song, AudioClip Mix) AddVocoderParts(DecodedSong song, TrackPair tracks)
    {
        var (vocal, instrumental) = tracks.TakeSamples();
        var mix = Clamped(vocal is null ? instrumental : Mixer.Sum(vocal, instrumental), tracks.SampleRateHz);
        return (song with
        {
            VocoderTracks = _parts.HasFlag(SongParts.VocoderTracks)
                ? new SongTracks(Clamped(vocal!, tracks.SampleRateHz), Clamped(instrumental, tracks.SampleRateHz))
                : null,
            VocoderMix = _parts.HasFlag(SongParts.VocoderMix) ? mix : null,
        }, mix.Clip);
    }

    private static SongPart Clamped(float[] samples, int sampleRateHz)
    {
        var clipped = Mixer.Clamp(samples);
        return new SongPart(new AudioClip(samples, sampleRateHz), clipped);
    }

    private static SongPart Unlimited(AudioClip clip) => new(clip, Mixer.CountPastFullScale(clip.Samples));
}
