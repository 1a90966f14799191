using Yue.Engine.Audio;
using Yue.Engine.Families.Yue1.Decode;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1;

/// <summary>The sound of a song being made: codes are decoded window by window, mixed, and passed on to the song's listener.</summary>
/// <remarks>Windows are decoded by the engine's thread, and mixed and spliced by threads of the pool while other songs go on.</remarks>
internal sealed class SoundWork
{
    private readonly SongRequest _request;
    private readonly SoundModels _models;
    private readonly SongDecoding _decoding;
    private readonly SongMixer _mixer;
    private readonly EarlySound? _sound;        // null if nobody can listen
    private Task _mixing = Task.CompletedTask;  // the mixer's last work

    /// <summary>Creates the work on the sound of a song that has no frames yet.</summary>
    /// <param name="request">The song.</param>
    /// <param name="listener">Hears it while it is made; null if nobody can.</param>
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

    /// <summary>The codes on their way to sound.</summary>
    public SongDecoding Decoding => _decoding;

    /// <summary>The sound that is decoded.</summary>
    public double DecodedSeconds => _decoding.WindowsLeft.First().Start / (double)Tracks.FramesPerSecond;

    /// <summary>True if the listener was passed sound.</summary>
    public bool IsHeard => _sound is { HeardSeconds: > 0 };

    /// <summary>True if somebody can listen and the first sound is still held back.</summary>
    public bool IsHeldBack => _sound is { HasStarted: false };

    /// <summary>Decodes the next window if it is written.</summary>
    public void Advance()
    {
        if (_decoding.CanAdvance)
        {
            var window = _decoding.Advance();
            Mix(() => Hear(_mixer.Add(window)));
        }
    }

    /// <summary>Passes on what is final, from now on.</summary>
    public void Start() => Mix(_sound!.Start);

    /// <summary>Says how many frames stage 1 cannot change any more, so that their sound is passed on, less the fade-out that a song has
    /// which is cut there.</summary>
    /// <param name="frames">The frames; null if all that are written are final.</param>
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

    /// <summary>Says how long the song is. One that is cut is faded out.</summary>
    public void SetEnd(int frames, bool isCut)
    {
        var samples = SamplesOf(frames);
        var fade = isCut ? FadeSamples(samples) : 0;
        Mix(() => _sound?.SetEnd(samples - fade, fade));
    }

    /// <summary>Passes the rest on, and assembles the song of it.</summary>
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

    /// <summary>Throws the error of the mixer's work, if it failed.</summary>
    public void ThrowIfFaulted()
    {
        if (_mixing.IsFaulted)
        {
            _mixing.GetAwaiter().GetResult();
        }
    }

    /// <summary>Passes nothing on any more.</summary>
    public void Stop() => _sound?.Stop();

    /// <summary>Runs work of the mixer on a thread of the pool, after the work before it.</summary>
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
