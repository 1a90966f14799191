namespace Yue.Engine.Families.Yue1.Stage2;

/// <summary>A song in stage 2 that stage 1 still writes.</summary>
/// <param name="IsHeard">True if somebody listens.</param>
/// <param name="AudibleSeconds">The sound that the listener has.</param>
/// <param name="PlayedSeconds">How much of it is played.</param>
/// <param name="FramesToNextSound">The frames that every chunk at work must still get before more can be heard.</param>
/// <param name="SecondsPerFrame">The time that a frame of all chunks takes.</param>
internal readonly record struct SongPace(
    bool IsHeard, double AudibleSeconds, double PlayedSeconds, int FramesToNextSound, double SecondsPerFrame);

/// <summary>Decides when stage 2 works on songs that stage 1 still writes.</summary>
/// <remarks>On a GPU a step of many chunks takes little more time than a step of one, so chunks that wait until others are written take
/// less time in all. Only the first sound is urgent. Later chunks wait until playback would need them.</remarks>
internal static class Stage2Pace
{
    /// <summary>The sound that a player is to have when the next sound comes.</summary>
    public const double MarginSeconds = 1;

    /// <summary>Returns true if stage 2 must work on the song now, so that playback does not run dry.</summary>
    public static bool IsDue(SongPace song)
    {
        if (!song.IsHeard)
        {
            return false;
        }

        var lead = song.AudibleSeconds - song.PlayedSeconds;
        return song.AudibleSeconds == 0 || lead < MarginSeconds + (song.FramesToNextSound * song.SecondsPerFrame);
    }
}
