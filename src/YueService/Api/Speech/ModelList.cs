using Yue.Engine.Songs;

namespace YueService.Api.Speech;

/// <summary>The models that requests can name, in the form that OpenAI-style clients expect.</summary>
/// <param name="Object">Always <c>list</c>.</param>
/// <param name="Data">The models, the default model first.</param>
internal sealed record ModelList(string Object, IReadOnlyList<ModelBody> Data);

/// <summary>A model that requests can name.</summary>
/// <param name="Id">The name that requests use.</param>
/// <param name="Object">Always <c>model</c>.</param>
/// <param name="Created">The time when the service started, in Unix seconds.</param>
/// <param name="OwnedBy">Always <c>yue</c>.</param>
/// <param name="Family">The model family, such as <c>yue1</c>. Models of a family support the same fields.</param>
/// <param name="Capabilities">The features of the model beyond a song from lyrics.</param>
/// <param name="Licence">The licence of the published models of the family.</param>
internal sealed record ModelBody(
    string Id,
    string Object,
    long Created,
    string OwnedBy,
    string Family,
    IReadOnlyList<SongCapability> Capabilities,
    ModelLicence Licence);
