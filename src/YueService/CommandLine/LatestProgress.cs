using System.Globalization;
using Yue.Engine.Songs;

namespace YueService.CommandLine;

/// <summary>Keeps the last thing that the engine said of a song; the view looks at it when it draws.</summary>
internal sealed class LatestProgress : IProgress<SongProgress>
{
    private volatile SongProgress _latest = new(SongStage.Queued, 0, 0, 0, 0, 0);

    public void Report(SongProgress value) => _latest = value;

    /// <summary>The progress as a line.</summary>
    public ProgressLine Line()
    {
        var latest = _latest;
        var step = latest.Stage switch
        {
            SongStage.Queued => "waiting",
            SongStage.Stage1 => string.Create(CultureInfo.InvariantCulture, $"singing section {latest.Section} of {latest.Sections}"),
            SongStage.Stage2 => "refining",
            SongStage.Decode => "decoding",
            _ => latest.Stage.ToString(),
        };
        return new(step, latest.Fraction);
    }
}
