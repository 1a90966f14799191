using Yue.Engine.Audio;
using Yue.Engine.Families.Yue1.Decode;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1;

/// <summary>The sound of a song being made: decoded from codes window by window, mixed, and passed on to the song's listener.</summary>
/// <remarks>The engine's thread decodes windows; pool threads mix and splice them while other songs continue.</remarks>
internal sealed class SoundWork
{
    private readonly SongRequest _request;
    private readonly SoundModels _models;
    private readonly SongDecoding _decoding;
    private readonly SongMixer _mixer;
    private readonly EarlySound? _sound;        // null if nobody can listen
    private Task _mixing = Task.CompletedTask;  // the mixer's latest task

    /// <summary>Creates the sound work for a song that has no frames yet.</summary>
    /// <param name="request">The song.</param>
    /// <param name="listener">Receives the sound while it is being made; null if there are no listeners.</param>
    /// <param name="models">The codec and the vocoders.</param>
    public SoundWork(SongRequest request, ISongListener? listener, SoundModels models)
    {
        (_request, _models) = (request, models);
        var (hasVocal, output) = (!request.Instrumental, request.Output);
        var parts = SongDecoder.PartsOf(output with { Stems = output.Stems && hasVocal });
        _decoding = models.Decoder.Begin(hasVocal, parts);
        _mixer = models.Decoder.NewMixer(hasVocal, parts, isHeard: listener is not null);
        _sound = listener is null ? null : new EarlySound(listener, _mixer.SampleRateHz);
    }

    /// <summary>The decoding of the codes.</summary>
    public SongDecoding Decoding => _decoding;

    /// <summary>The length of the decoded sound.</summary>
    public double DecodedSeconds => _decoding.WindowsLeft.First().Start / (double)Tracks.FramesPerSecond;

    /// <summary>True if sound has been passed to the listener.</summary>
    public bool IsHeard => _sound is { HeardSeconds: > 0 };

    /// <summary>True if someone can listen and the first sound is still held back.</summary>
    public bool IsHeldBack => _sound is { HasStarted: false };

    /// <summary>Decodes the next window if its frames are written.</summary>
    public void Advance()
    {
        if (_decoding.CanAdvance)
        {
            var window = _decoding.Advance();
            Mix(() => Hear(_mixer.Add(window)));
        }
    }

    /// <summary>Starts passing on final sound.</summary>
    public void Start() => Mix(_sound!.Start);

    /// <summary>Sets the number of frames that stage 1 can no longer change. Their sound is passed on, except for the samples that fade out
    /// if the song is cut there.</summary>
    /// <param name="frames">The number of frames; null if all written frames are final.</param>
    public void SetFinal(int? frames)
    {
        var final = frames is { } count ? SamplesOf(count) - FadeSamples(SamplesOf(count)) : int.MaxValue;
        if (_sound is not null && final > _sound.FinalSamples)
        {
            _sound.FinalSamples = final;
            if (_sound.IsHolding)
            {
                Mix(_sound.Release);
            }
        }
    }

    /// <summary>Sets the length of the song. A song that was cut is faded out.</summary>
    public void SetEnd(int frames, bool isCut)
    {
        var samples = SamplesOf(frames);
        var fade = isCut ? FadeSamples(samples) : 0;
        Mix(() => _sound?.SetEnd(samples - fade, fade));
    }

    /// <summary>Passes on the rest of the sound, and assembles the song.</summary>
    public Task<SongResult> Assemble(SongAssembly assembly)
    {
        Mix(() =>
        {
            Hear(_mixer.Complete());
            _sound?.End();
        });
        var mixing = _mixing;
        return Task.Run(async () =>
        {
            await mixing.ConfigureAwait(false);
            return assembly.Assemble(_mixer.Finish());
        });
    }

    /// <summary>Rethrows the mixer's exception if its work failed.</summary>
    public void ThrowIfFaulted()
    {
        if (_mixing.IsFaulted)
        {
            _mixing.GetAwaiter().GetResult();
        }
    }

    /// <summary>Stops passing on sound.</summary>
    public void Stop() => _sound?.Stop();

    /// <summary>Queues work for the mixer. It runs on a pool thread, after all work queued earlier.</summary>
    private void Mix(Action work)
    {
        var before = _mixing;
        _mixing = Task.Run(async () =>
        {
            await before.ConfigureAwait(false);
            work();
        });
    }

    private void Hear(MixedSound? sound)
    {
        if (sound is not null)
        {
            _sound!.Add(sound);
        }
    }

    private int SamplesOf(int frames) => checked(frames * (_mixer.SampleRateHz / _models.FrameRateHz));

    private int FadeSamples(int samples) => FadeOut.SamplesOf(samples, _mixer.SampleRateHz, _request.Output.FadeOutSeconds);
}
