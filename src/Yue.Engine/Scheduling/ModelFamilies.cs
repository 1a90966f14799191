using Yue.Engine.Families.Yue1;
using Yue.Engine.Songs;

namespace Yue.Engine.Scheduling;

/// <summary>The model families of this program: the only place outside a family's folder that names it.</summary>
public static class ModelFamilies
{
    /// <summary>The families as callers see them.</summary>
    public static IReadOnlyList<FamilyDescription> Descriptions { get; } = [Yue1Family.Description];
}
