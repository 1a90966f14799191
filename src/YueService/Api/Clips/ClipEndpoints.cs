using YueService.Api.OpenApi;

namespace YueService.Api.Clips;

/// <summary>The endpoints for uploaded reference clips.</summary>
internal static class ClipEndpoints
{
    public static void AddClips(this IServiceCollection services) => services.AddSingleton<ClipHandler>();

    public static void MapClips(this IEndpointRouteBuilder routes)
    {
        var clips = routes.MapGroup("/v1/clips").WithTags("Reference clips");
        clips.MapPost("", (HttpContext http, ClipHandler handler) => handler.CreateAsync(http))
            .WithMetadata(ApiFile.Sound)
            .WithName("CreateClip")
            .Describe(
                "Upload a reference clip",
                "The body is the sound file itself. Requests refer to the clip with reference.clip, so takes and remakes do not upload it "
                    + "again. The same file gives the same id. A clip that has not been used for Yue:KeepClipsDays days is removed.",
                ApiResponse.Problem(413, "The file is too large."),
                ApiResponse.Problem(415, "The body is not a sound file."),
                ApiResponse.Problem(422, "The sound cannot be used; the errors field says why."),
                ApiResponse.Problem(503, "The bodies of other requests leave no room for this one, or clips cannot be stored."),
                ApiResponse.Problem(507, "All clips together would exceed the limit."));
        clips.MapGet("/{id}", (HttpContext http, string id, ClipHandler handler) => handler.GetAsync(http, id))
            .WithName("GetClip")
            .Describe(
                "Show a reference clip", "Returns its length and expiry time.", ApiResponse.Problem(404, "There is no such clip."));
        clips.MapDelete("/{id}", (HttpContext http, string id, ClipHandler handler) => handler.DeleteAsync(http, id))
            .WithName("DeleteClip")
            .Describe(
                "Remove a reference clip",
                "Jobs that use it keep its sound.",
                new ApiResponse(204, "The clip is removed."),
                ApiResponse.Problem(404, "There is no such clip."));
    }
}
