using YueService.Jobs;

namespace YueService.Api.Agents;

/// <summary>The URLs that play a song.</summary>
/// <param name="Id">The id of the job.</param>
/// <param name="State">The state of the job.</param>
/// <param name="Stream">The sound from its beginning, even while the song is being made.</param>
/// <param name="Audio">The file of the finished song.</param>
internal sealed record SongLinks(string Id, JobState State, string Stream, string Audio);
