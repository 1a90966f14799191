namespace YueService.Api.Songs;

/// <summary>The peaks of a track, for drawing a waveform.</summary>
/// <param name="Track">The track.</param>
/// <param name="PerSecond">The number of intervals per second.</param>
/// <param name="Seconds">The length of the sound so far, in seconds.</param>
/// <param name="Complete">False while the song is being made and more peaks will follow.</param>
/// <param name="Peaks">The smallest and the largest sample of each interval in turn, from -1 to 1.</param>
internal sealed record SongPeaksResponse(string Track, int PerSecond, double Seconds, bool Complete, IReadOnlyList<double> Peaks);
