using System.Text.Json.Serialization;
using Yue.Engine.Audio;

namespace Yue.Engine.Songs;

/// <summary>A clip whose style the song follows: the audio prompt of an <c>-icl</c> checkpoint (docs/model.md 2.4, 5.8).</summary>
public sealed record SongReference
{
    /// <summary>The codec's rate, which the tracks have.</summary>
    public const int SampleRateHz = 16_000;

    /// <summary>The sound: one mixed track, or the vocal and the instrumental one, mono, at <see cref="SampleRateHz"/>. A stored job keeps
    /// it in files of its own.</summary>
    [JsonIgnore]
    public IReadOnlyList<AudioClip> Tracks { get; init; } = [];

    /// <summary>The second of the clip at which the tracks begin.</summary>
    public int FirstSecond { get; init; }

    /// <summary>Where the stretch that is heard begins in the clip.</summary>
    public double StartSeconds { get; init; }

    /// <summary>Where it ends; beyond the clip is the clip's end.</summary>
    public double EndSeconds { get; init; } = SongLimits.DefaultReferenceEndSeconds;

    /// <summary>The part of a clip that is encoded, of which a stretch is then used.</summary>
    /// <remarks>The semantic model looks at all that it is given, so the published code encodes a whole file to use a stretch of it. Up to
    /// a minute this does the same; of a longer clip it takes the minute around the stretch, so that memory is bounded.</remarks>
    public static (int FirstSecond, int Seconds) EncodedPart(double startSeconds, double endSeconds)
    {
        const int Most = SongLimits.MaxReferenceSeconds;
        if (endSeconds <= Most)
        {
            return (0, Most);
        }

        var before = (Most - (endSeconds - startSeconds)) / 2;
        var first = (int)Math.Max(0, Math.Floor(startSeconds - before));
        return (first, Math.Max(Most, (int)Math.Ceiling(endSeconds) - first));
    }
}
