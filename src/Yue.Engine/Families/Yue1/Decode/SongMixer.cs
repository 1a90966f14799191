using Yue.Engine.Audio;

namespace Yue.Engine.Families.Yue1.Decode;

/// <summary>New samples of a song, which follow those that were returned before.</summary>
/// <param name="Mix">The mix of all tracks.</param>
/// <param name="Vocal">The vocal track, with the same number of samples; null if the song has only the instrumental track.</param>
/// <param name="Instrumental">The instrumental track, with the same number of samples; null if the song has only the instrumental track,
/// which is then <paramref name="Mix"/>.</param>
public sealed record MixedSound(float[] Mix, float[]? Vocal, float[]? Instrumental);

/// <summary>Mixes and splices decoded windows, on the CPU (docs/model.md 7 steps 1 to 3).</summary>
/// <remarks>Not thread-safe, but may run on a different thread than the decoder.</remarks>
public sealed class SongMixer
{
    private readonly SongParts _parts;
    private readonly int _codecRateHz;
    private readonly int _vocoderRateHz;
    private readonly Track _codecVocal = new(), _codecInstrumental = new(), _codecMix = new();
    private readonly Track _vocoderVocal = new(), _vocoderInstrumental = new(), _vocoderMix = new();
    private readonly SpliceStream? _splice;
    private readonly PendingSound? _pending;

    /// <summary>Creates a mixer for a song that has no windows yet.</summary>
    /// <param name="hasVocal">False if the song has only the instrumental track.</param>
    /// <param name="parts">The parts to compute.</param>
    /// <param name="codecRateHz">The rate of the codec's samples.</param>
    /// <param name="vocoderRateHz">The rate of the vocoders' samples.</param>
    /// <param name="isHeard">True if <see cref="Add"/> should return sound: the splice, or the codec's mix if there is no splice.</param>
    internal SongMixer(bool hasVocal, SongParts parts, int codecRateHz, int vocoderRateHz, bool isHeard)
    {
        (_parts, _codecRateHz, _vocoderRateHz) = (parts, codecRateHz, vocoderRateHz);
        _splice = parts.HasFlag(SongParts.Spliced) ? new SpliceStream(codecRateHz, vocoderRateHz) : null;
        _pending = isHeard ? new PendingSound(hasVocal) : null;
    }

    /// <summary>The rate of the sound that <see cref="Add"/> returns.</summary>
    public int SampleRateHz => _splice is null ? _codecRateHz : _vocoderRateHz;

    /// <summary>Adds a window; its samples follow the previous ones of the same model.</summary>
    /// <returns>The new sound; null if the mixer was created with <c>isHeard</c> false.</returns>
    public MixedSound? Add(DecodedWindow window)
    {
        if (window.Model == SoundModel.Codec)
        {
            AddCodec(window);
        }
        else
        {
            AddVocoder(window);
        }

        return TakeSplice();
    }

    /// <summary>Marks the end: every window has been added.</summary>
    /// <returns>The rest of the sound; null if <see cref="Add"/> returns null.</returns>
    public MixedSound? Complete()
    {
        _splice?.CompleteLow();
        return TakeSplice();
    }

    /// <summary>Returns the finished parts. The mixer does not keep them.</summary>
    public DecodedSong Finish() => new()
    {
        CodecTracks = _parts.HasFlag(SongParts.CodecTracks)
            ? new SongTracks(_codecVocal.Take(_codecRateHz), _codecInstrumental.Take(_codecRateHz))
            : null,
        CodecMix = _parts.HasFlag(SongParts.CodecMix) ? Unlimited(_codecMix.Take(_codecRateHz).Clip) : null,
        VocoderTracks = _parts.HasFlag(SongParts.VocoderTracks)
            ? new SongTracks(_vocoderVocal.Take(_vocoderRateHz), _vocoderInstrumental.Take(_vocoderRateHz))
            : null,
        VocoderMix = _parts.HasFlag(SongParts.VocoderMix) ? _vocoderMix.Take(_vocoderRateHz) : null,
        Spliced = _splice is null ? null : Unlimited(_splice.Finish()),
    };

    /// <summary>Computes step 1: the codec's tracks, each clamped, and their sum, which is not clamped.</summary>
    private void AddCodec(DecodedWindow window)
    {
        var (vocal, instrumental) = (window.Vocal, window.Instrumental);
        var isKept = _parts.HasFlag(SongParts.CodecTracks);
        _codecVocal.AddClamped(vocal, isKept);
        _codecInstrumental.AddClamped(instrumental, isKept);
        var mix = vocal is null ? instrumental : Mixer.Sum(vocal, instrumental);
        if (_parts.HasFlag(SongParts.CodecMix))
        {
            _codecMix.Add(mix);
        }

        _splice?.AppendLow(mix);
        if (_splice is null)
        {
            _pending?.Add(mix, vocal, instrumental);
        }
    }

    /// <summary>Computes step 2: the vocoders' tracks are summed before they are clamped, and the sum is clamped.</summary>
    private void AddVocoder(DecodedWindow window)
    {
        var (vocal, instrumental) = (window.Vocal, window.Instrumental);
        var mix = vocal is null ? [.. instrumental] : Mixer.Sum(vocal, instrumental);
        _vocoderMix.AddClamped(mix, isKept: _parts.HasFlag(SongParts.VocoderMix));
        _splice?.AppendHigh(mix);
        var isKept = _parts.HasFlag(SongParts.VocoderTracks);
        _vocoderVocal.AddClamped(vocal, isKept);
        _vocoderInstrumental.AddClamped(instrumental, isKept);
        if (_splice is not null)
        {
            _pending?.AddTracks(vocal, instrumental);
        }
    }

    private MixedSound? TakeSplice()
    {
        if (_pending is not null && _splice is not null)
        {
            _pending.AddMix(_splice.Take());
        }

        return _pending?.Take();
    }

    private static SongPart Unlimited(AudioClip clip) => new(clip, Mixer.CountPastFullScale(clip.Samples));

    /// <summary>A track or mix of the finished song.</summary>
    private sealed class Track
    {
        private readonly SampleBuffer _samples = new();
        private long _clipped;

        public void Add(ReadOnlySpan<float> samples) => _samples.Append(samples);

        /// <summary>Clamps samples in place, and stores them if they are kept.</summary>
        public void AddClamped(float[]? samples, bool isKept)
        {
            if (samples is null)
            {
                return;
            }

            _clipped += Mixer.Clamp(samples);
            if (isKept)
            {
                Add(samples);
            }
        }

        public SongPart Take(int sampleRateHz) => new(new AudioClip(_samples.Take(), sampleRateHz), _clipped);
    }

    /// <summary>Sound that has not been returned yet. The mix may be shorter than the tracks.</summary>
    private sealed class PendingSound(bool hasVocal)
    {
        private readonly SampleBuffer _mix = new(), _vocal = new(), _instrumental = new();

        public void Add(float[] mix, float[]? vocal, float[] instrumental)
        {
            AddMix(mix);
            AddTracks(vocal, instrumental);
        }

        public void AddMix(float[] samples) => _mix.Append(samples);

        public void AddTracks(float[]? vocal, float[] instrumental)
        {
            if (vocal is not null)
            {
                _vocal.Append(vocal);
                _instrumental.Append(instrumental);
            }
        }

        public MixedSound Take()
        {
            var count = hasVocal ? Math.Min(_mix.Length, _vocal.Length) : _mix.Length;
            return new MixedSound(_mix.Take(count), hasVocal ? _vocal.Take(count) : null, hasVocal ? _instrumental.Take(count) : null);
        }
    }
}
