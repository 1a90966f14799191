using Yue.Engine.Scheduling;

namespace YueService.Api;

/// <summary>What requests need to know of the engine's status.</summary>
internal static class EngineStatusExtensions
{
    /// <summary>The names that a request's <c>model</c> may have; none while they are not known yet.</summary>
    public static IReadOnlyList<string> Stage1Names(this EngineStatus status) =>
        [.. status.Models.Where(model => model.Role == "stage1").Select(model => model.Name)];
}
