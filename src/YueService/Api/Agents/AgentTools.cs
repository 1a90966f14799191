using System.Text.Json;
using Microsoft.AspNetCore.Http.Extensions;
using Microsoft.AspNetCore.Http.HttpResults;
using ModelContextProtocol.Protocol;
using YueService.Api.Errors;
using YueService.Api.Requests;
using YueService.Api.Songs;

namespace YueService.Api.Agents;

/// <summary>The tools of the MCP server. Each one is an operation of the HTTP API, with its fields, checks and limits.</summary>
internal sealed class AgentTools(SongHandler songs, SongCheckHandler checks, SongGroupHandler groups, ToolRunner runner)
{
    private static readonly TextField SongId = new("id", "The id of the song's job.", 1, 64) { IsRequired = true };

    private static readonly TextField GroupId = new("id", "The id of the group.", 1, 64) { IsRequired = true };

    private static readonly TextField Origin = new(SongFields.ContinueFrom.Path, "The id of the finished song to start from.", 1, 64)
    {
        IsRequired = true,
    };

    // Tools have no file fields: a clip is uploaded with POST /v1/clips, and reference.clip names it by its id.
    private static readonly IReadOnlyList<RequestField> NewSong =
    [
        .. SongFields.All.Where(field => field is not FileField
            && field != SongFields.Stream && field != SongFields.ContinueFrom && field != SongFields.ReplaceSection),
    ];

    private static readonly IReadOnlyList<RequestField> AnySong =
        [.. NewSong, Origin with { IsRequired = false }, SongFields.ReplaceSection];

    private static readonly IReadOnlyList<RequestField> Remake = [Origin, SongFields.ReplaceSection, .. NewSong];

    /// <summary>Returns the tools.</summary>
    public IReadOnlyList<ApiTool> List() =>
    [
        Make(
            "make_song",
            "Queues a song and returns its job immediately, or a group of jobs if takes is 2 or more. A song takes seconds to minutes.",
            ToolSchemas.Of("The song to make.", NewSong)),
        Make(
            "remake_song",
            "Queues a song that is based on a finished one: sings one of its sections again (replace_section), sings more sections "
                + "after it (lyrics of the whole song), or finishes a draft (stage finish). Returns the new job immediately.",
            ToolSchemas.Of("The song to start from, and the changes.", Remake),
            RequireOrigin),
        Read(
            "check_song",
            "Checks lyrics and the other fields of a song without making it. Returns errors, warnings with their positions in the text, "
                + "and sections with their expected lengths.",
            ToolSchemas.Of("The song to check.", AnySong),
            async call => await checks.CheckAsync(call.Http)),
        Read(
            "list_songs",
            "Lists jobs, the newest first, without lyrics.",
            ToolSchemas.Of("The jobs to list.", SongEndpoints.ListParameters),
            async call =>
            {
                call.FillQuery();
                return await songs.ListAsync(call.Http);
            }),
        Read(
            "get_song",
            "Shows a job: its state, position in the queue, progress, song and links.",
            ToolSchemas.Of("The job.", SongId),
            call => WithIdAsync(call, SongId, async id => await songs.GetAsync(call.Http, id))),
        Read(
            "song_links",
            "Returns URLs that play a song: its stream, which can be heard while the song is being made, and the finished file.",
            ToolSchemas.Of("The job.", SongId),
            call => WithIdAsync(call, SongId, id => LinksAsync(call.Http, id))),
        Change(
            "cancel_song",
            "Cancels a job that is queued or running. A finished song is kept.",
            ToolSchemas.Of("The job.", SongId),
            call => WithIdAsync(call, SongId, async id => await songs.CancelAsync(call.Http, id))),
        Read(
            "get_group",
            "Shows a group of takes: for each take, its job, seed, state and progress.",
            ToolSchemas.Of("The group.", GroupId),
            call => WithIdAsync(call, GroupId, async id => await groups.GetAsync(call.Http, id))),
        Change(
            "cancel_group",
            "Cancels the takes of a group that are queued or running. Finished takes are kept.",
            ToolSchemas.Of("The group.", GroupId),
            call => WithIdAsync(call, GroupId, async id => await groups.CancelAsync(call.Http, id))),
    ];

    /// <summary>Returns a tool that makes songs.</summary>
    /// <param name="name">The name.</param>
    /// <param name="description">The effect and the result.</param>
    /// <param name="schema">The arguments.</param>
    /// <param name="refuse">An additional check: returns the problem with an invalid call that the API would accept, or null.</param>
    private ApiTool Make(string name, string description, JsonElement schema, Func<ToolCall, IResult?>? refuse = null) =>
        new(
            Definition(name, description, schema, isReadOnly: false, isDestructive: false),
            async call => refuse?.Invoke(call) ?? await songs.CreateAsync(call.Http),
            runner)
        {
            MakesSongs = true,
        };

    private ApiTool Read(string name, string description, JsonElement schema, Func<ToolCall, Task<IResult>> handle) =>
        new(Definition(name, description, schema, isReadOnly: true, isDestructive: false), handle, runner);

    private ApiTool Change(string name, string description, JsonElement schema, Func<ToolCall, Task<IResult>> handle) =>
        new(Definition(name, description, schema, isReadOnly: false, isDestructive: true), handle, runner);

    private static Tool Definition(string name, string description, JsonElement schema, bool isReadOnly, bool isDestructive) => new()
    {
        Name = name,
        Description = description,
        InputSchema = schema,
        Annotations = new()
        {
            ReadOnlyHint = isReadOnly,
            DestructiveHint = isDestructive,
            IdempotentHint = isReadOnly || isDestructive,
            OpenWorldHint = false,
        },
    };

    /// <summary>Returns the problem with a remake that names no song; null if it names one.</summary>
    private static ProblemHttpResult? RequireOrigin(ToolCall call)
    {
        var findings = new RequestFindings();
        var fields = new FieldReader(call.Arguments, "", findings);
        if (!fields.IsMissing(SongFields.ContinueFrom))
        {
            return null;
        }

        fields.Require(SongFields.ContinueFrom, "is missing", SongFields.ContinueFrom.Expected);
        return Problems.Invalid(call.Http, findings.Errors);
    }

    /// <summary>Handles a call whose only argument is an id.</summary>
    private static async Task<IResult> WithIdAsync(ToolCall call, TextField field, Func<string, Task<IResult>> handle)
    {
        var findings = new RequestFindings();
        var fields = new FieldReader(call.Arguments, "", findings);
        var id = fields.Text(field);
        fields.Finish();
        findings.ReportUnknown(strict: true);
        if (id is null && findings.IsValid)
        {
            fields.Require(field, "is missing", field.Expected);
        }

        return findings.IsValid ? await handle(id!) : Problems.Invalid(call.Http, findings.Errors);
    }

    private async Task<IResult> LinksAsync(HttpContext http, string id)
    {
        var found = (await songs.GetAsync(http, id)).Result;
        return found is Ok<SongJobResponse> { Value: { } job }
            ? TypedResults.Ok(new SongLinks(job.Id, job.State, UrlOf(http, job.Links.Stream), UrlOf(http, job.Links.Audio)))
            : found;
    }

    private static string UrlOf(HttpContext http, string path) =>
        UriHelper.BuildAbsolute(http.Request.Scheme, http.Request.Host, http.Request.PathBase, path);
}
