using YueService.Api.Access;
using YueService.Api.OpenApi;

namespace YueService.Api.Songs;

/// <summary>The endpoints for jobs and their songs.</summary>
internal static class SongEndpoints
{
    /// <summary>The parameters of <c>GET /v1/songs</c>.</summary>
    public static IReadOnlyList<ApiParameter> ListParameters { get; } =
    [
        new ApiParameter("limit", "Jobs per page; default 20.", IsHeader: false) { Bounds = (1, 100) },
        new ApiParameter("cursor", "The next_cursor of the previous page.", IsHeader: false),
        new ApiParameter("q", "Text to find in the title, the genre line or the lyrics; case-insensitive.", IsHeader: false),
        new ApiParameter(
            "state", "Only jobs in this state.", IsHeader: false, "queued", "running", "succeeded", "failed", "cancelled"),
        new ApiParameter("favourite", "true returns only favorites; false returns only the other songs.", IsHeader: false, "true", "false"),
        new ApiParameter("parent", "Only songs that continue, revise or finish the song with this id.", IsHeader: false),
    ];

    public static void AddSongs(this IServiceCollection services)
    {
        services.AddSingleton<SongSubmitter>();
        services.AddSingleton<SongHandler>();
        services.AddSingleton<SongCheckHandler>();
        services.AddSingleton<SongGroupHandler>();
        services.AddSingleton<SongEventsHandler>();
        services.AddSingleton<AllEventsHandler>();
        services.AddSingleton<SongAudioHandler>();
        services.AddSingleton<SongCodesHandler>();
        services.AddSingleton<SongPeaksHandler>();
        services.AddSingleton<SongStreamHandler>();
    }

    public static void MapSongs(this IEndpointRouteBuilder routes)
    {
        var songs = routes.MapGroup("/v1/songs").WithTags("Songs");
        MapJobs(songs);
        songs.MapGet("/{id}/events", (HttpContext http, string id, SongEventsHandler handler) => handler.StreamAsync(http, id))
            .DisableRequestTimeout()
            .WithName("WatchSong")
            .Describe(
                "Watch a job with server-sent events",
                "Each event is named after the job's state; its data contains stage, section, tokens, frames, percent and seconds left. "
                    + "Every change of state, stage and section is sent; between these changes, only the latest progress is sent. "
                    + "A YuE 2 song also sends its score, in an event named \"score\". The last event has the id \"end\".",
                new ApiParameter("Last-Event-ID", "The id of the last received event; the stream continues after it.", IsHeader: true),
                new ApiResponse(200, "The stream.", "text/event-stream"),
                new ApiResponse(204, "The client already has the last event."),
                ApiResponse.Problem(404, "There is no such job."));
        MapSound(songs);
        MapGroups(routes.MapGroup("/v1/groups").WithTags("Takes"));
        routes.MapGet("/v1/events", (HttpContext http, AllEventsHandler handler) => handler.StreamAsync(http))
            .DisableRequestTimeout()
            .WithName("WatchSongs")
            .WithTags("Songs")
            .Describe(
                "Watch all jobs with server-sent events",
                "The first event is a snapshot of the queued and running jobs. After that, an event is sent for every change; its name is "
                    + "the job's state, \"edited\" or \"removed\". A client that reconnects too late gets a new snapshot.",
                new ApiParameter("Last-Event-ID", "The id of the last received event; the stream continues after it.", IsHeader: true),
                new ApiResponse(200, "The stream.", "text/event-stream"));
    }

    private static void MapGroups(RouteGroupBuilder groups)
    {
        groups.MapGet("/{id}", (HttpContext http, string id, SongGroupHandler handler) => handler.GetAsync(http, id))
            .WithName("GetGroup")
            .Describe(
                "Show a group of takes",
                "Returns the state of the group, and the job, seed, state and progress of each take.",
                ApiResponse.Problem(404, "There is no such group."));
        groups.MapDelete("/{id}", (HttpContext http, string id, SongGroupHandler handler) => handler.CancelAsync(http, id))
            .WithName("CancelGroup")
            .Describe(
                "Cancel a group of takes",
                "Takes that are queued or running are cancelled before the engine's next step. Finished takes are kept; each can be "
                    + "removed like any other song.",
                ApiResponse.Problem(404, "There is no such group."));
    }

    private static void MapSound(RouteGroupBuilder songs)
    {
        songs.MapMethods(
                "/{id}/audio",
                [HttpMethods.Get, HttpMethods.Head],
                (HttpContext http, string id, SongAudioHandler handler) => handler.GetAsync(http, id))
            .DisableRequestTimeout()
            .WithName("GetSongAudio")
            .Describe(
                "Fetch a song",
                "Range, If-Range and If-None-Match are supported. A file in a format other than wav is encoded on the first request and "
                    + "then kept.",
                new ApiParameter(
                    "track", "The mix (default), or a stem if the song was requested with stems.",
                    IsHeader: false, "mix", "vocal", "instrumental"),
                new ApiParameter("format", "Default: the format that the song was requested in.", IsHeader: false, "wav", "flac", "mp3"),
                new ApiResponse(200, "The file.", "audio/wav", "audio/flac", "audio/mpeg"),
                new ApiResponse(206, "The requested range.", "audio/wav", "audio/flac", "audio/mpeg"),
                ApiResponse.Problem(404, "There is no such job or track."),
                ApiResponse.Problem(409, "The song is not available yet, or never will be."),
                ApiResponse.Problem(416, "The file ends before the range."),
                ApiResponse.Problem(422, "A parameter is invalid, or the format is not available here."),
                ApiResponse.Problem(500, "The file is damaged: its size has changed since it was written."));
        songs.MapGet("/{id}/stream", (HttpContext http, string id, SongStreamHandler handler) => handler.StreamAsync(http, id))
            .DisableRequestTimeout()
            .WithName("StreamSong")
            .Describe(
                "Stream a song while it is being made",
                "Sends the song from its beginning, even while it is being made; the headers are sent with the first sound. The "
                    + "connection is aborted if the song fails, is cancelled or is queued again. While the song is being made, its "
                    + "loudness is not adjusted, and the low band may differ slightly from the finished file's.",
                new ApiParameter(
                    "track",
                    "The mix (default), or a stem if the song was requested with stems.",
                    IsHeader: false, "mix", "vocal", "instrumental"),
                new ApiParameter(
                    "format",
                    "Default: wav. pcm is 16-bit little-endian with interleaved channels; X-Yue-Channels is the number of channels.",
                    IsHeader: false, "wav", "pcm", "mp3", "opus"),
                new ApiResponse(200, "The sound.", "audio/wav", "audio/pcm", "audio/mpeg", "audio/ogg"),
                ApiResponse.Problem(404, "There is no such job or track."),
                ApiResponse.Problem(409, "The song failed or was cancelled."),
                ApiResponse.Problem(422, "A parameter is invalid, or the format is not available here."),
                ApiResponse.Problem(500, "The file is damaged: its size has changed since it was written."));
        songs.MapGet("/{id}/peaks", (HttpContext http, string id, SongPeaksHandler handler) => handler.GetAsync(http, id))
            .WithName("GetSongPeaks")
            .Describe(
                "Fetch the peaks of a song",
                "Returns the smallest and the largest sample of each interval of a track. While the song is being made, "
                    + "later calls return more intervals; If-None-Match with the last ETag returns 304 if there are no new ones.",
                new ApiParameter(
                    "track",
                    "The mix (default), or a stem if the song was requested with stems.",
                    IsHeader: false, "mix", "vocal", "instrumental"),
                new ApiParameter("per_second", "Intervals per second; default 20.", IsHeader: false)
                {
                    Bounds = (1, SongPeaksHandler.MaxPerSecond),
                },
                new ApiResponse(304, "There has been no new sound since the last call."),
                ApiResponse.Problem(404, "There is no such job or track."),
                ApiResponse.Problem(409, "The song failed or was cancelled."),
                ApiResponse.Problem(422, "A parameter is invalid."),
                ApiResponse.Problem(500, "The file is damaged: its size has changed since it was written."));
        songs.MapGet("/{id}/codes", (HttpContext http, string id, SongCodesHandler handler) => handler.GetAsync(http, id))
            .WithName("GetSongCodes")
            .Describe(
                "Fetch a song's stage-1 codes",
                "Use them in continue_from of a later request to finish a draft, continue the song, or sing a section again.",
                ApiResponse.Problem(404, "There is no such job."),
                ApiResponse.Problem(409, "The song is not available yet or never will be, or it has no codes."));
    }

    private static void MapJobs(RouteGroupBuilder songs)
    {
        songs.MapPost("", (HttpContext http, SongHandler handler) => handler.CreateAsync(http))
            .MakesSongs()
            .ReadsJson(ApiBodies.SongRequest)
            .WithName("CreateSong")
            .Describe(
                "Queue a song",
                "Returns immediately; poll the URL in Location, or watch the job's events. Jobs and their songs survive a restart of the "
                    + "service. If takes is 2 or more, the response is a group of jobs.",
                new ApiParameter(
                    "Idempotency-Key",
                    "The same key and body return the same job or group; the same key with a different body causes a 422.",
                    IsHeader: true),
                new ApiForms(202, nameof(SongJobResponse), nameof(SongGroupResponse)),
                ApiResponse.Problem(409, "The song in continue_from is not available yet, or never will be."),
                ApiResponse.Problem(422, "Fields are invalid; all of them are listed."),
                ApiResponse.Problem(429, "The queue is full, or the caller has reached a limit; Retry-After says when to try again."),
                ApiResponse.Problem(503, "The models are not loaded, or jobs cannot be stored."));
        songs.MapPost("/check", (HttpContext http, SongCheckHandler handler) => handler.CheckAsync(http))
            .ReadsJson(ApiBodies.SongRequest)
            .WithName("CheckSong")
            .Describe(
                "Check a song request",
                "Returns the errors that POST /v1/songs would return, warnings with positions in the text, and the sections with their "
                    + "expected lengths. No song is made.",
                new ApiParameter("Prefer", "handling=strict makes an unknown field an error.", IsHeader: true),
                ApiResponse.Problem(400, "The body is not JSON."),
                ApiResponse.Problem(413, "The body is too large."));
        songs.MapGet("", (HttpContext http, SongHandler handler) => handler.ListAsync(http))
            .WithName("ListSongs")
            .Describe(
                "List jobs",
                "Returns jobs, newest first, without lyrics.",
                [.. ListParameters]);
        songs.MapGet("/{id}", (HttpContext http, string id, SongHandler handler) => handler.GetAsync(http, id))
            .WithName("GetSong")
            .Describe(
                "Show a job",
                "Returns its state, position in the queue, progress and song.",
                ApiResponse.Problem(404, "There is no such job."));
        songs.MapPatch("/{id}", (HttpContext http, string id, SongHandler handler) => handler.EditAsync(http, id))
            .ReadsJson(ApiBodies.SongEdit)
            .WithName("EditSong")
            .Describe(
                "Change a song's title, favorite mark or note",
                "A JSON merge patch: fields that are absent are not changed; null resets a field. Favorites are never removed "
                    + "automatically.",
                new ApiParameter(
                    "If-Match", "The ETag of the song; the change is made only if the song has not been changed since.", IsHeader: true),
                ApiResponse.Problem(404, "There is no such job."),
                ApiResponse.Problem(412, "If-Match does not match."),
                ApiResponse.Problem(422, "Fields are invalid; all of them are listed."));
        songs.MapDelete("/{id}", (HttpContext http, string id, SongHandler handler) => handler.DeleteAsync(http, id))
            .WithName("DeleteSong")
            .Describe(
                "Cancel or remove a job",
                "A job that is queued or running is cancelled before the engine's next step. A finished job is removed with its song.",
                new ApiResponse(202, "The job did not end within a second; its delay_reason says why."),
                new ApiResponse(204, "The finished job and its song are removed."),
                ApiResponse.Problem(404, "There is no such job."));
    }
}
