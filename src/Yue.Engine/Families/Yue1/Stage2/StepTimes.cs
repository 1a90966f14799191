namespace Yue.Engine.Families.Yue1.Stage2;

/// <summary>The times of the language models' steps, as averages in which the latest steps have the most weight.</summary>
/// <remarks>In stage 2, a frame of <c>r</c> rows takes about as long as <see cref="FixedRows"/> + <c>r</c> rows would take if the weights
/// were not read: reading the weights takes as long as reading the keys and values of ten rows. This is accurate to within 20 % on an H100
/// and an H200 with bf16 and 8-bit weights. A row's share of the time grows with the number of written frames of its chunk, because it
/// reads the keys and values of all of them. On an H200 with int8 weights and an fp8 cache, a step of 48 rows takes 3.1 ms at the first
/// frame and 8.4 ms at the last.</remarks>
internal sealed class StepTimes
{
    /// <summary>The number of rows whose keys and values take as long to read as the weights.</summary>
    public const int FixedRows = 10;

    private const double Newest = 0.2;      // the weight of the latest step
    private const double FirstShare = 0.44; // the time of a row's first frame, relative to the mean
    private const double Growth = 2 * (1 - FirstShare) / Stage2Chunks.FramesPerChunk;       // per frame

    /// <summary>The time per row and frame in stage 2, averaged over a chunk.</summary>
    public double SecondsPerRow { get; private set; } = 0.001;

    /// <summary>The time that stage 1 takes per frame, for both tracks together.</summary>
    public double Stage1SecondsPerFrame { get; private set; } = 0.008;

    /// <summary>The number of songs that requested the last step of stage 1.</summary>
    public int SongsTogether { get; private set; } = 1;

    /// <summary>Returns the time that stage 2 needs to advance rows from one frame of their chunks to another.</summary>
    /// <param name="rows">The number of rows.</param>
    /// <param name="frames">The number of finished frames of each row, and the number to reach.</param>
    public double Stage2Seconds(int rows, (int From, int To) frames)
    {
        var count = frames.To - frames.From;
        return SecondsPerRow * count * (FixedRows + (rows * ShareAt((frames.From + frames.To) / 2.0)));
    }

    /// <summary>Records a step of stage 1.</summary>
    /// <param name="songs">The number of songs that requested it.</param>
    /// <param name="tokens">The number of tokens per song.</param>
    /// <param name="time">The time that it took.</param>
    public void CountStage1(int songs, int tokens, TimeSpan time)
    {
        SongsTogether = songs;
        Stage1SecondsPerFrame = Average(Stage1SecondsPerFrame, 2 * time.TotalSeconds, tokens);
    }

    /// <summary>Records a step of stage 2.</summary>
    /// <param name="rows">The number of finished frames of each row in the step.</param>
    /// <param name="frames">The number of frames per row.</param>
    /// <param name="time">The time that it took.</param>
    public void CountStage2(IReadOnlyList<int> rows, int frames, TimeSpan time) =>
        SecondsPerRow = Average(SecondsPerRow, time.TotalSeconds / (FixedRows + rows.Sum(done => ShareAt(done))), frames);

    /// <summary>Returns the time of a row's frame as a fraction of the mean.</summary>
    private static double ShareAt(double frame) => FirstShare + (Growth * frame);

    private static double Average(double average, double seconds, int count) =>
        count == 0 ? average : average + (Newest * ((seconds / count) - average));
}
