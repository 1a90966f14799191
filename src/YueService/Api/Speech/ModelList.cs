namespace YueService.Api.Speech;

/// <summary>The stage-1 checkpoints, in the form that OpenAI-style clients expect.</summary>
/// <param name="Object">Always <c>list</c>.</param>
/// <param name="Data">The models, the default one first.</param>
internal sealed record ModelList(string Object, IReadOnlyList<ModelBody> Data);

/// <summary>A stage-1 checkpoint.</summary>
/// <param name="Id">The name that requests call it.</param>
/// <param name="Object">Always <c>model</c>.</param>
/// <param name="Created">When the service started, in seconds since 1970.</param>
/// <param name="OwnedBy">Always <c>yue</c>.</param>
internal sealed record ModelBody(string Id, string Object, long Created, string OwnedBy);
