namespace Yue.Engine.Audio;

/// <summary>Fades out the end of a song that was cut, so that it does not end with a click or in the middle of a tone.</summary>
public static class FadeOut
{
    /// <summary>How long the fade of a clip is: at most half of it.</summary>
    public static double SecondsOf(AudioClip clip, double seconds) => Math.Min(seconds, clip.DurationSeconds / 2);

    /// <summary>Returns the number of samples that a fade changes: at most half of the clip.</summary>
    /// <param name="samples">The length of the clip.</param>
    /// <param name="sampleRateHz">Its rate.</param>
    /// <param name="seconds">Not negative.</param>
    public static int SamplesOf(int samples, int sampleRateHz, double seconds) =>
        (int)Math.Round(Math.Min(seconds, samples / (double)sampleRateHz / 2) * sampleRateHz);

    /// <summary>Fades the clip's end in place, from 1 to 0 along half a cosine.</summary>
    /// <param name="clip">Any length.</param>
    /// <param name="seconds">Not negative; cut as <see cref="SecondsOf"/> does.</param>
    public static void Apply(AudioClip clip, double seconds)
    {
        var fade = SamplesOf(clip.Samples.Length, clip.SampleRateHz, seconds);
        Apply(clip.Samples, clip.Samples.Length - fade, fade);
    }

    /// <summary>Fades a piece of a clip in place.</summary>
    /// <param name="piece">The piece.</param>
    /// <param name="start">The start of the fade, counted from the start of the piece. Negative if the fade began before.</param>
    /// <param name="length">The samples of the fade.</param>
    public static void Apply(Span<float> piece, int start, int length)
    {
        for (var i = Math.Max(start, 0); i < Math.Min((long)start + length, piece.Length); i++)
        {
            piece[i] *= (float)((1 + Math.Cos(Math.PI * (i - start + 1) / length)) / 2);
        }
    }
}
