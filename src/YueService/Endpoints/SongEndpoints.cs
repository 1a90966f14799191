using YueService.Access;

namespace YueService.Endpoints;

/// <summary>The songs that a caller comes back for.</summary>
internal static class SongEndpoints
{
    public static void AddSongs(this IServiceCollection services)
    {
        services.AddSingleton<SongSubmitter>();
        services.AddSingleton<SongHandler>();
        services.AddSingleton<SongEventsHandler>();
        services.AddSingleton<SongAudioHandler>();
    }

    public static void MapSongs(this IEndpointRouteBuilder routes)
    {
        var songs = routes.MapGroup("/v1/songs");
        songs.MapPost("", (HttpContext http, SongHandler handler) => handler.CreateAsync(http)).MakesSongs();
        songs.MapGet("", (HttpContext http, SongHandler handler) => handler.ListAsync(http));
        songs.MapGet("/{id}", (HttpContext http, string id, SongHandler handler) => handler.GetAsync(http, id));
        songs.MapDelete("/{id}", (HttpContext http, string id, SongHandler handler) => handler.DeleteAsync(http, id));
        songs.MapGet("/{id}/events", (HttpContext http, string id, SongEventsHandler handler) => handler.StreamAsync(http, id))
            .DisableRequestTimeout();
        songs.MapMethods(
            "/{id}/audio",
            [HttpMethods.Get, HttpMethods.Head],
            (HttpContext http, string id, SongAudioHandler handler) => handler.GetAsync(http, id)).DisableRequestTimeout();
    }
}
