using Yue.Engine.Songs;

namespace YueService.Api.Requests;

/// <summary>The finished song that a request continues, if the request gives that song's id.</summary>
/// <param name="Id">The id of the song's job.</param>
/// <param name="Codes">The stage-1 codes.</param>
/// <param name="Lyrics">The song's lyrics, used if the request has none.</param>
/// <param name="Genre">The song's genre line, used in the same way.</param>
/// <param name="Instrumental">True if the song is instrumental, used in the same way.</param>
/// <param name="Title">The title that the song was given, used in the same way; null if it has the default title.</param>
internal sealed record SongOrigin(string Id, SongCodes Codes, string Lyrics, string Genre, bool Instrumental, string? Title);
