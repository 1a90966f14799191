namespace Yue.Engine.Audio;

/// <summary>Fades out the end of a song that was cut, so that it does not end with a click or in the middle of a tone.</summary>
public static class FadeOut
{
    /// <summary>How long the fade of a clip is: at most half of it.</summary>
    public static double SecondsOf(AudioClip clip, double seconds) => Math.Min(seconds, clip.DurationSeconds / 2);

    /// <summary>Fades the clip's end in place, from 1 to 0 along half a cosine.</summary>
    /// <param name="clip">Any length.</param>
    /// <param name="seconds">Not negative; cut as <see cref="SecondsOf"/> does.</param>
    public static void Apply(AudioClip clip, double seconds)
    {
        var tail = clip.Samples.AsSpan(^(int)Math.Round(SecondsOf(clip, seconds) * clip.SampleRateHz)..);
        for (var i = 0; i < tail.Length; i++)
        {
            tail[i] *= (float)((1 + Math.Cos(Math.PI * (i + 1) / tail.Length)) / 2);
        }
    }
}
