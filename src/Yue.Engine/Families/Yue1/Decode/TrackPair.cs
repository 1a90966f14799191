using Yue.Engine.Audio;

namespace Yue.Engine.Families.Yue1.Decode;

/// <summary>The tracks of a song as one model decodes them, window by window.</summary>
/// <param name="vocal">Decodes the vocal track; null for a song that is its instrumental track.</param>
/// <param name="instrumental">Decodes the instrumental track, which has as many frames.</param>
/// <param name="sampleRateHz">The rate of the samples.</param>
internal sealed class TrackPair(TrackDecoder? vocal, TrackDecoder instrumental, int sampleRateHz)
{
    private readonly SampleBuffer _vocal = new();
    private readonly SampleBuffer _instrumental = new();

    /// <summary>The number of tracks.</summary>
    public int Tracks => vocal is null ? 1 : 2;

    /// <summary>The number of decoded frames of each track.</summary>
    public int FramesDone => instrumental.FramesDone;

    /// <summary>True if the next window is written.</summary>
    public bool CanAdvance => instrumental.CanAdvance;

    /// <summary>True if the tracks are complete and every frame is decoded.</summary>
    public bool IsDone => instrumental.IsDone;

    /// <summary>The rate of the samples.</summary>
    public int SampleRateHz => sampleRateHz;

    /// <summary>Decodes the next window of each track.</summary>
    public void Advance()
    {
        if (vocal is not null)
        {
            _vocal.Append(vocal.Advance());
        }

        _instrumental.Append(instrumental.Advance());
    }

    /// <summary>Returns the samples of the whole tracks, which are not kept.</summary>
    public (float[]? Vocal, float[] Instrumental) TakeSamples() => (vocal is null ? null : _vocal.Take(), _instrumental.Take());

    /// <inheritdoc cref="TrackDecoder.WarmUp"/>
    public void WarmUp()
    {
        vocal?.WarmUp();
        instrumental.WarmUp();
    }
}
