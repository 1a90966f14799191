using Yue.Engine.Audio;
using Yue.Engine.Songs;

namespace YueService.FakeProcess;

/// <summary>The sound of simulated songs: a voice that sings in phrases, and a band that plays a beat.</summary>
/// <param name="seconds">The length of a song.</param>
internal sealed class SimulatedSound(double seconds)
{
    public const int RateHz = 16_000;

    private const float BeatsPerSecond = 1.75f;
    private const float NotesPerSecond = 3.5f;
    private const float PhraseSeconds = 4;

    /// <summary>The length of a song in seconds.</summary>
    public double Seconds { get; } = seconds;

    /// <summary>Returns a track of the whole song.</summary>
    public AudioClip Whole(Track track) => new(Samples(track, 0, Samples(1, 1)), RateHz);

    /// <summary>Returns a part of the song.</summary>
    /// <param name="number">The number of the part, from 0.</param>
    /// <param name="parts">The number of parts.</param>
    /// <param name="stems">True to include the vocal and instrumental tracks.</param>
    public SongSound Piece(int number, int parts, bool stems)
    {
        var (start, end) = (Samples(number, parts), Samples(number + 1, parts));
        return new(
            start,
            RateHz,
            Samples(Track.Mix, start, end),
            stems ? Samples(Track.Vocal, start, end) : null,
            stems ? Samples(Track.Instrumental, start, end) : null,
            number == parts - 1);
    }

    private int Samples(int number, int parts) => (int)(Seconds * RateHz * number / parts);

    private static float[] Samples(Track track, int start, int end) =>
        [.. Enumerable.Range(start, end - start).Select(i => At(track, i / (float)RateHz))];

    private static float At(Track track, float time) => track switch
    {
        Track.Vocal => Vocal(time),
        Track.Instrumental => Instrumental(time),
        _ => (Vocal(time) + Instrumental(time)) / 2,
    };

    private static float Vocal(float time)
    {
        var phrase = MathF.Max(0, MathF.Sin(MathF.PI * ((time % PhraseSeconds / PhraseSeconds * 1.3f) - 0.05f)));
        var note = 0.25f + (0.75f * MathF.Abs(MathF.Sin(MathF.PI * NotesPerSecond / 2 * time)));
        return 0.8f * phrase * note * MathF.Sin(MathF.Tau * (260 + (40 * MathF.Floor(time % 4))) * time);
    }

    private static float Instrumental(float time)
    {
        var beat = time * BeatsPerSecond % 1;
        var accent = MathF.Floor(time * BeatsPerSecond) % 4 == 0 ? 0.85f : 0.6f;
        return accent * MathF.Exp(-2.2f * beat) * MathF.Sin(MathF.Tau * 110 * time);
    }
}

/// <summary>A track of a song.</summary>
internal enum Track
{
    Mix,
    Vocal,
    Instrumental,
}
