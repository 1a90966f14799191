namespace Yue.Engine.Families.Yue1.Stage2;

/// <summary>The times of the language models' steps, as averages in which the newest steps count most.</summary>
/// <remarks>In stage 2 a frame of <c>r</c> rows takes about as long as <see cref="FixedRows"/> + <c>r</c> rows: reading the weights
/// costs as much as ten rows' keys and values. That fits an H100 and an H200, with bf16 and 8-bit weights, within a fifth.</remarks>
internal sealed class StepTimes
{
    /// <summary>The rows that take as long as the weights.</summary>
    public const int FixedRows = 10;

    private const double Newest = 0.2;      // the newest step's share

    /// <summary>The time of a row's frame in stage 2.</summary>
    public double SecondsPerRow { get; private set; } = 0.001;

    /// <summary>The time of a frame of both tracks in stage 1.</summary>
    public double Stage1SecondsPerFrame { get; private set; } = 0.008;

    /// <summary>The songs that were in stage 1 in its last step.</summary>
    public int SongsTogether { get; private set; } = 1;

    /// <summary>Returns the time of a frame of so many rows in stage 2.</summary>
    public double SecondsPerFrame(int rows) => SecondsPerRow * (FixedRows + rows);

    /// <summary>Counts a step of stage 1.</summary>
    /// <param name="songs">The songs that shared it.</param>
    /// <param name="tokens">The tokens that each of them got.</param>
    /// <param name="time">The time that it took.</param>
    public void CountStage1(int songs, int tokens, TimeSpan time)
    {
        SongsTogether = songs;
        Stage1SecondsPerFrame = Average(Stage1SecondsPerFrame, 2 * time.TotalSeconds, tokens);
    }

    /// <summary>Counts a step of stage 2.</summary>
    /// <param name="rows">The rows that shared it.</param>
    /// <param name="frames">The frames that each of them got.</param>
    /// <param name="time">The time that it took.</param>
    public void CountStage2(int rows, int frames, TimeSpan time) =>
        SecondsPerRow = Average(SecondsPerRow, time.TotalSeconds / (FixedRows + rows), frames);

    private static double Average(double average, double seconds, int count) =>
        count == 0 ? average : average + (Newest * ((seconds / count) - average));
}
