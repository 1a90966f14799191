namespace YueService.Api.Songs;

/// <summary>The outline of a track, for drawing.</summary>
/// <param name="Track">The track.</param>
/// <param name="PerSecond">The number of stretches per second.</param>
/// <param name="Seconds">The seconds of sound that are there.</param>
/// <param name="Complete">False while the song is being made: there will be more.</param>
/// <param name="Peaks">The smallest and the largest sample of each stretch, one after the other, from -1 to 1.</param>
internal sealed record SongPeaksResponse(string Track, int PerSecond, double Seconds, bool Complete, IReadOnlyList<double> Peaks);
