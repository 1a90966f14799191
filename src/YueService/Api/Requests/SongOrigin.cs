using Yue.Engine.Songs;

namespace YueService.Api.Requests;

/// <summary>The finished song that a request goes on from, when it names one by its id.</summary>
/// <param name="Id">The song's job.</param>
/// <param name="Codes">What stage 1 wrote.</param>
/// <param name="Lyrics">The song's lyrics, which hold where the request has none.</param>
/// <param name="Genre">The song's genre line, likewise.</param>
/// <param name="Instrumental">Whether it is instrumental, likewise.</param>
internal sealed record SongOrigin(string Id, SongCodes Codes, string Lyrics, string Genre, bool Instrumental);
