namespace Yue.Testing;

/// <summary>Small encoded files for tests without ffmpeg.</summary>
/// <remarks>Each is <see cref="Chirp"/>, encoded by ffmpeg 5.1: mp3 (LAME, 32 kbit/s) and ogg (libvorbis) at 16 kHz, opus (libopus) at 48
/// kHz.</remarks>
public static class TestClips
{
    public const double ChirpSeconds = 1.5;

    /// <summary>Returns a tone that rises from 200 to 1,400 Hz, so that it matches itself at only one position.</summary>
    public static float[] Chirp(int rateHz) =>
        [.. Enumerable.Range(0, (int)(ChirpSeconds * rateHz))
            .Select(i => (double)i / rateHz).Select(t => (float)(0.5 * Math.Sin(2 * Math.PI * ((200 * t) + (400 * t * t)))))];

    /// <summary>Returns the chirp as a file.</summary>
    /// <param name="kind">mp3, ogg or opus.</param>
    public static byte[] ChirpFile(string kind)
    {
        using var stream = typeof(TestClips).Assembly.GetManifestResourceStream($"chirp.{kind}")!;
        var file = new byte[stream.Length];
        stream.ReadExactly(file);
        return file;
    }
}
