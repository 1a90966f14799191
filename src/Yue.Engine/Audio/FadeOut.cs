namespace Yue.Engine.Audio;

/// <summary>Fades out the end of a song that was cut short, so that it does not end with a click or in the middle of a tone.</summary>
public static class FadeOut
{
    /// <summary>Returns the length of a clip's fade in seconds: the requested length, but at most half of the clip.</summary>
    public static double SecondsOf(AudioClip clip, double seconds) => Math.Min(seconds, clip.DurationSeconds / 2);

    /// <summary>Returns the number of samples per channel that a fade changes: at most half of the clip.</summary>
    /// <param name="samples">The length of the clip in samples per channel.</param>
    /// <param name="sampleRateHz">The sample rate of the clip.</param>
    /// <param name="seconds">The requested length of the fade, not negative.</param>
    public static int SamplesOf(int samples, int sampleRateHz, double seconds) =>
        (int)Math.Round(Math.Min(seconds, samples / (double)sampleRateHz / 2) * sampleRateHz);

    /// <summary>Fades the clip's end in place, from 1 to 0 along half a cosine period.</summary>
    /// <param name="clip">A clip of any length.</param>
    /// <param name="seconds">The requested length of the fade, not negative; limited as in <see cref="SecondsOf"/>.</param>
    public static void Apply(AudioClip clip, double seconds)
    {
        var fade = SamplesOf(clip.Length, clip.SampleRateHz, seconds);
        Apply(clip.Samples, clip.Length - fade, fade, clip.Channels);
    }

    /// <summary>Applies a fade to a piece of a clip in place.</summary>
    /// <param name="piece">The piece, with interleaved channels.</param>
    /// <param name="start">The start of the fade, in samples per channel from the start of the piece. Negative if the fade began before the
    /// piece.</param>
    /// <param name="length">The length of the fade in samples per channel.</param>
    /// <param name="channels">The number of channels.</param>
    public static void Apply(Span<float> piece, int start, int length, int channels = 1)
    {
        for (var i = Math.Max(start, 0); i < Math.Min((long)start + length, piece.Length / channels); i++)
        {
            var gain = (float)((1 + Math.Cos(Math.PI * (i - start + 1) / length)) / 2);
            foreach (ref var sample in piece.Slice(i * channels, channels))
            {
                sample *= gain;
            }
        }
    }
}
