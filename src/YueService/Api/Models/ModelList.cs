using Yue.Engine.Songs;

namespace YueService.Api.Models;

/// <summary>The models that requests can name, in the form that OpenAI-style clients expect.</summary>
/// <param name="Object">Always <c>list</c>.</param>
/// <param name="Data">The models, the default model first.</param>
internal sealed record ModelList(string Object, IReadOnlyList<ModelBody> Data);

/// <summary>A model that requests can name.</summary>
internal sealed record ModelBody
{
    /// <summary>The name that requests use.</summary>
    public required string Id { get; init; }

    /// <summary>Always <c>model</c>.</summary>
    public string Object { get; init; } = "model";

    /// <summary>The time when the service started, in Unix seconds.</summary>
    public required long Created { get; init; }

    /// <summary>Always <c>yue</c>.</summary>
    public string OwnedBy { get; init; } = "yue";

    /// <summary>The model family, such as <c>yue1</c>. Models of a family support the same fields.</summary>
    public required string Family { get; init; }

    /// <summary>The features of the model beyond making a song from lyrics.</summary>
    public required IReadOnlyList<SongCapability> Capabilities { get; init; }

    /// <summary>The license of the published models of the family.</summary>
    public required ModelLicence Licence { get; init; }

    /// <summary>True if the model is in memory; null if another process has it.</summary>
    public bool? Loaded { get; init; }

    /// <summary>The memory that the model uses while it is loaded, in bytes, excluding other models that its songs need (<c>GET /health</c>
    /// lists them all); null if another process has it.</summary>
    public long? Bytes { get; init; }
}
