using Yue.Engine.Audio;
using Yue.Engine.Families.Yue1.Decode;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1;

/// <summary>Passes a song's sound to its listener as it becomes final. A song that is cut short is faded out, so its end is held back until
/// stage 1 has ended. All sound is held back until it can be played without interruptions.</summary>
/// <remarks>Not thread-safe, except for members that say otherwise.</remarks>
internal sealed class EarlySound(ISongListener listener, int sampleRateHz)
{
    private readonly SampleBuffer _mix = new(), _vocal = new(), _instrumental = new();
    private (int Start, int Length) _fade;
    private bool _hasTracks;
    private volatile int _heard;                // the number of samples passed on
    private volatile int _finalSamples;
    private volatile bool _isHolding;
    private volatile bool _hasStarted;
    private volatile bool _isStopped;

    /// <summary>The number of final samples, which do not depend on anything that stage 1 has yet to write. Can be set by any
    /// thread.</summary>
    public int FinalSamples
    {
        get => _finalSamples;
        set => _finalSamples = value;
    }

    /// <summary>True if some samples have been added but not passed on. Thread-safe.</summary>
    public bool IsHolding => _isHolding;

    /// <summary>The length of the sound that has been passed on. Thread-safe.</summary>
    public double HeardSeconds => _heard / (double)sampleRateHz;

    /// <summary>True once <see cref="Start"/> or <see cref="End"/> has been called. Thread-safe.</summary>
    public bool HasStarted => _hasStarted;

    /// <summary>Starts passing on final sound.</summary>
    public void Start()
    {
        _hasStarted = true;
        Release();
    }

    /// <summary>Adds sound, and passes on the samples that are final.</summary>
    public void Add(MixedSound sound)
    {
        _mix.Append(sound.Mix);
        _hasTracks = sound.Vocal is not null;
        _vocal.Append(sound.Vocal);
        _instrumental.Append(sound.Instrumental);
        Release();
    }

    /// <summary>Passes on sound that has become final.</summary>
    public void Release() => Pass(Math.Min(_mix.Length, Math.Max(_finalSamples - _heard, 0)), isEnd: false);

    /// <summary>Sets the fade-out at the end of the song. After that, all of its samples are final.</summary>
    /// <param name="fadeStart">The sample at which the fade-out begins.</param>
    /// <param name="fadeSamples">The length of the fade-out; 0 if the song is not faded out.</param>
    public void SetEnd(int fadeStart, int fadeSamples)
    {
        _fade = (fadeStart, fadeSamples);
        _finalSamples = int.MaxValue;
        Release();
    }

    /// <summary>Passes on the rest after all sound has been added.</summary>
    public void End()
    {
        _hasStarted = true;
        Pass(_mix.Length, isEnd: true);
    }

    /// <summary>Stops passing on sound. Thread-safe.</summary>
    public void Stop() => _isStopped = true;

    private void Pass(int count, bool isEnd)
    {
        if ((count > 0 || isEnd) && _hasStarted && !_isStopped)
        {
            float[] Take(SampleBuffer buffer)
            {
                var samples = buffer.Take(count);
                FadeOut.Apply(samples, _fade.Start - _heard, _fade.Length);
                return samples;
            }

            listener.Hear(new SongSound(
                _heard, sampleRateHz, Take(_mix), _hasTracks ? Take(_vocal) : null, _hasTracks ? Take(_instrumental) : null, isEnd));
            _heard += count;
        }

        _isHolding = _mix.Length > 0;
    }
}
