using Yue.Engine.Scheduling;
using Yue.Engine.Songs;

namespace YueService.Api;

/// <summary>What requests need from the engine's status.</summary>
internal static class EngineStatusExtensions
{
    /// <summary>Returns the models that a request can name, the default one first; none while they are not known yet.</summary>
    public static IReadOnlyList<ModelDescription> SongModels(this EngineStatus status) =>
    [
        .. status.Models.Where(model => model.Role == "stage1")
            .Select(model => new ModelDescription(model.Name, ModelFamilies.Descriptions[0])),
    ];
}
