namespace YueService.Api.Requests;

/// <summary>The fields of <c>POST /v1/session</c>.</summary>
internal static class SessionFields
{
    public static TextField Key { get; } = new("key", "An API key of the service.", 1, 4_096) { IsRequired = true };

    public static IReadOnlyList<RequestField> All { get; } = [Key];
}
