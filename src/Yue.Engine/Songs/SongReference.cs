using Yue.Engine.Audio;

namespace Yue.Engine.Songs;

/// <summary>A clip whose style the song follows: the audio prompt of an <c>-icl</c> checkpoint (docs/model.md 2.4, 5.8).</summary>
public sealed record SongReference
{
    /// <summary>The sample rate of the tracks, which is the codec's.</summary>
    public const int SampleRateHz = 16_000;

    /// <summary>The sound: one mixed track, or the vocal and the instrumental track, in mono at <see cref="SampleRateHz"/>.</summary>
    public IReadOnlyList<AudioClip> Tracks { get; init; } = [];

    /// <summary>The position in the clip at which the tracks begin, in seconds.</summary>
    public int FirstSecond { get; init; }

    /// <summary>The start of the part of the clip that is used, in seconds.</summary>
    public double StartSeconds { get; init; }

    /// <summary>The end of the part that is used, in seconds. A shorter clip is used to its end.</summary>
    public double EndSeconds { get; init; } = SongLimits.DefaultReferenceEndSeconds;

    /// <summary>Returns the part of a clip to encode, which contains the part to use.</summary>
    /// <remarks>Every code depends on everything that the semantic model encodes. The published implementation therefore encodes the whole
    /// file and uses a part of the codes. Clips of up to a minute are encoded completely here, too. For a longer clip, only a minute
    /// that contains the used part is encoded, so that memory is bounded.</remarks>
    public static (int FirstSecond, int Seconds) EncodedPart(double startSeconds, double endSeconds)
    {
        const int Max = SongLimits.MaxReferenceSeconds;
        if (endSeconds <= Max)
        {
            return (0, Max);
        }

        var before = (Max - (endSeconds - startSeconds)) / 2;
        var first = (int)Math.Max(0, Math.Floor(startSeconds - before));
        return (first, Math.Max(Max, (int)Math.Ceiling(endSeconds) - first));
    }
}
