using System.Diagnostics;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1.Codec;

/// <summary>Encodes a reference into an audio prompt, one track per step.</summary>
internal sealed class ReferenceEncoding(ReferenceEncoder encoder, SongReference reference)
{
    private readonly List<(int[] Codes, bool IsCached)> _tracks = [];
    private TimeSpan _time;

    /// <summary>True if every track is encoded.</summary>
    public bool IsDone => _tracks.Count == reference.Tracks.Count;

    /// <summary>Encodes the next track.</summary>
    public void Advance()
    {
        var started = Stopwatch.GetTimestamp();
        _tracks.Add(encoder.CodesOf(reference.Tracks[_tracks.Count]));
        _time += Stopwatch.GetElapsedTime(started);
    }

    /// <summary>Returns the prompt and its description for the song's result. Every track must be encoded.</summary>
    public (ReferenceClip Clip, ReferenceResult Result) Result()
    {
        var (start, end, first) = (reference.StartSeconds, reference.EndSeconds, reference.FirstSecond);
        var clip = _tracks is [var vocal, var instrumental]
            ? ReferenceClip.OfTracks(vocal.Codes, instrumental.Codes, start, end, first)
            : ReferenceClip.OfMix(_tracks.Single().Codes, start, end, first);
        var result = new ReferenceResult(
            (double)clip.Ids.Length / (ReferenceClip.FrameRateHz * _tracks.Count),
            _tracks.Count,
            _tracks.TrueForAll(track => track.IsCached),
            _time.TotalSeconds);
        return (clip, result);
    }
}
