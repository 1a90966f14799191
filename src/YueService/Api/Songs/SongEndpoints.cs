using YueService.Api.Access;
using YueService.Api.OpenApi;

namespace YueService.Api.Songs;

/// <summary>The songs that a caller comes back for.</summary>
internal static class SongEndpoints
{
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
        var songs = routes.MapGroup("/v1/songs");
        MapJobs(songs);
        songs.MapGet("/{id}/events", (HttpContext http, string id, SongEventsHandler handler) => handler.StreamAsync(http, id))
            .DisableRequestTimeout()
            .WithName("WatchSong")
            .Describe(
                "Watch a job by server-sent events",
                "An event is named after the state and has stage, section, tokens, frames, percent and seconds left. "
                    + "Every change of state, stage "
                    + "and section is sent; between them, only the newest counts. The event with the id end is the last.",
                new ApiParameter("Last-Event-ID", "The last event that the reader has; the stream goes on after it.", IsHeader: true),
                new ApiAnswer(200, "The stream.", "text/event-stream"),
                new ApiAnswer(204, "The reader has the last event already."),
                ApiAnswer.Problem(404, "There is no such job."));
        MapSound(songs);
        MapGroups(routes.MapGroup("/v1/groups"));
        routes.MapGet("/v1/events", (HttpContext http, AllEventsHandler handler) => handler.StreamAsync(http))
            .DisableRequestTimeout()
            .WithName("WatchSongs")
            .Describe(
                "Watch all jobs by server-sent events",
                "The first event is a snapshot of the jobs that are queued or running. Then an event comes for every change, named after "
                    + "the state, or edited or removed. A reader that comes back too late gets a snapshot instead of what it missed.",
                new ApiParameter("Last-Event-ID", "The last event that the reader has; the stream goes on after it.", IsHeader: true),
                new ApiAnswer(200, "The stream.", "text/event-stream"));
    }

    private static void MapGroups(RouteGroupBuilder groups)
    {
        groups.MapGet("/{id}", (HttpContext http, string id, SongGroupHandler handler) => handler.GetAsync(http, id))
            .WithName("GetGroup")
            .Describe(
                "Show a group of takes",
                "Its state, and for each take the job, the seed, the state and the progress.",
                ApiAnswer.Problem(404, "There is no such group."));
        groups.MapDelete("/{id}", (HttpContext http, string id, SongGroupHandler handler) => handler.CancelAsync(http, id))
            .WithName("CancelGroup")
            .Describe(
                "Cancel a group of takes",
                "Takes that are queued or running are cancelled before the engine's next step. Finished ones stay, and each can be removed "
                    + "as a song.",
                ApiAnswer.Problem(404, "There is no such group."));
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
                "Range, If-Range and If-None-Match are heeded. A format other than wav is made at the first call and kept.",
                new ApiParameter(
                    "track", "The mix (default) or a stem, where the song was asked for with stems.",
                    IsHeader: false, "mix", "vocal", "instrumental"),
                new ApiParameter("format", "Default: the format that the song was asked for in.", IsHeader: false, "wav", "flac", "mp3"),
                new ApiAnswer(200, "The file.", "audio/wav", "audio/flac", "audio/mpeg"),
                new ApiAnswer(206, "The range that was asked for.", "audio/wav", "audio/flac", "audio/mpeg"),
                ApiAnswer.Problem(404, "There is no such job or track."),
                ApiAnswer.Problem(409, "The song is not there yet, or never comes."),
                ApiAnswer.Problem(416, "The file ends before the range."),
                ApiAnswer.Problem(500, "The file is damaged: it does not have the size that it was written with."));
        songs.MapGet("/{id}/stream", (HttpContext http, string id, SongStreamHandler handler) => handler.StreamAsync(http, id))
            .DisableRequestTimeout()
            .WithName("StreamSong")
            .Describe(
                "Hear a song while it is made",
                "From the beginning, as far as it is made and then as it is made; the headers come with the first sound. A stream that is "
                    + "broken off is not the whole song. Loudness is not changed; the finished file may differ slightly in its low band.",
                new ApiParameter(
                    "track",
                    "The mix (default) or a stem, where the song was asked for with stems.",
                    IsHeader: false, "mix", "vocal", "instrumental"),
                new ApiParameter(
                    "format", "Default: wav. pcm is 16-bit little-endian mono.", IsHeader: false, "wav", "pcm", "mp3", "opus"),
                new ApiAnswer(200, "The sound.", "audio/wav", "audio/pcm", "audio/mpeg", "audio/ogg"),
                ApiAnswer.Problem(404, "There is no such job or track."),
                ApiAnswer.Problem(409, "The song failed or was cancelled."),
                ApiAnswer.Problem(422, "A parameter is out of bounds, or the format cannot be made here."));
        songs.MapGet("/{id}/peaks", (HttpContext http, string id, SongPeaksHandler handler) => handler.GetAsync(http, id))
            .WithName("GetSongPeaks")
            .Describe(
                "Fetch the outline of a song",
                "The smallest and the largest sample of every stretch of a track, as far as there is sound. While the song is made, there "
                    + "are more at each call; If-None-Match with the last ETag is answered by 304 until then.",
                new ApiParameter(
                    "track",
                    "The mix (default) or a stem, where the song was asked for with stems.",
                    IsHeader: false, "mix", "vocal", "instrumental"),
                new ApiParameter("per_second", "Stretches per second; default 20.", IsHeader: false)
                {
                    Bounds = (1, SongPeaksHandler.MaxPerSecond),
                },
                new ApiAnswer(304, "There is no more sound than at the last call."),
                ApiAnswer.Problem(404, "There is no such job or track."),
                ApiAnswer.Problem(409, "The song failed or was cancelled."),
                ApiAnswer.Problem(422, "A parameter is out of bounds."),
                ApiAnswer.Problem(500, "The file is damaged: it does not have the size that it was written with."));
        songs.MapGet("/{id}/codes", (HttpContext http, string id, SongCodesHandler handler) => handler.GetAsync(http, id))
            .WithName("GetSongCodes")
            .Describe(
                "Fetch a song's stage-1 codes",
                "What continue_from takes: with it a later request finishes a draft, continues the song, or sings a section again.",
                ApiAnswer.Problem(404, "There is no such job."),
                ApiAnswer.Problem(409, "The song is not there yet, or never comes, or was made by a release that kept no codes."));
    }

    private static void MapJobs(RouteGroupBuilder songs)
    {
        songs.MapPost("", (HttpContext http, SongHandler handler) => handler.CreateAsync(http))
            .MakesSongs()
            .ReadsJson(ApiBodies.SongRequest)
            .WithName("CreateSong")
            .Describe(
                "Queue a song",
                "Returns at once; poll the Location or watch its events. Jobs and their songs survive a restart of the service. "
                    + "With takes of 2 or more, the answer is a group of jobs.",
                new ApiParameter(
                    "Idempotency-Key",
                    "The same key and body give the same job or group; with another body it is a 422.",
                    IsHeader: true),
                new ApiForms(202, nameof(SongJobResponse), nameof(SongGroupResponse)),
                ApiAnswer.Problem(409, "The song of continue_from is not there yet, or never comes."),
                ApiAnswer.Problem(422, "Fields are out of bounds: all of them are named."),
                ApiAnswer.Problem(429, "The queue is full, or the key's limit is reached; Retry-After says when to try again."),
                ApiAnswer.Problem(503, "The models are not loaded, or jobs cannot be stored."));
        songs.MapPost("/check", (HttpContext http, SongCheckHandler handler) => handler.CheckAsync(http))
            .ReadsJson(ApiBodies.SongRequest)
            .WithName("CheckSong")
            .Describe(
                "Check a song request",
                "Returns the errors that POST /v1/songs would have, warnings with their places in the text, and the sections with their "
                    + "likely lengths. No song is made.",
                new ApiParameter("Prefer", "handling=strict makes an unknown field an error.", IsHeader: true),
                ApiAnswer.Problem(400, "The body is not JSON."),
                ApiAnswer.Problem(413, "The body is too large."));
        songs.MapGet("", (HttpContext http, SongHandler handler) => handler.ListAsync(http))
            .WithName("ListSongs")
            .Describe(
                "List jobs",
                "The newest first, without lyrics.",
                new ApiParameter("limit", "Jobs per page; default 20.", IsHeader: false) { Bounds = (1, 100) },
                new ApiParameter("cursor", "The next_cursor of the page before.", IsHeader: false),
                new ApiParameter("q", "Text that the title, the genre line or the lyrics have, in any letter case.", IsHeader: false),
                new ApiParameter(
                    "state", "Only jobs in this state.", IsHeader: false, "queued", "running", "succeeded", "failed", "cancelled"),
                new ApiParameter("favourite", "Only favourites, or only others.", IsHeader: false, "true", "false"),
                new ApiParameter("parent", "Only songs that go on from the song with this id.", IsHeader: false));
        songs.MapGet("/{id}", (HttpContext http, string id, SongHandler handler) => handler.GetAsync(http, id))
            .WithName("GetSong")
            .Describe("Show a job", "Its state, place in the queue, progress and song.", ApiAnswer.Problem(404, "There is no such job."));
        songs.MapPatch("/{id}", (HttpContext http, string id, SongHandler handler) => handler.EditAsync(http, id))
            .ReadsJson(ApiBodies.SongEdit)
            .WithName("EditSong")
            .Describe(
                "Name a song, or make it a favourite",
                "A JSON merge patch: fields that are absent are not changed, null resets a field. Favourites are exempt from retention.",
                new ApiParameter(
                    "If-Match", "The ETag of the song; the change is made only if nobody else changed it since.", IsHeader: true),
                ApiAnswer.Problem(404, "There is no such job."),
                ApiAnswer.Problem(412, "If-Match does not match."),
                ApiAnswer.Problem(422, "Fields are out of bounds: all of them are named."));
        songs.MapDelete("/{id}", (HttpContext http, string id, SongHandler handler) => handler.DeleteAsync(http, id))
            .WithName("DeleteSong")
            .Describe(
                "Cancel or remove a job",
                "A job that is queued or running is cancelled before the engine's next step. A finished one is removed with its song.",
                new ApiAnswer(202, "The job, which has not ended within a second; its note says why."),
                new ApiAnswer(204, "The finished job and its song are removed."),
                ApiAnswer.Problem(404, "There is no such job."));
    }
}
