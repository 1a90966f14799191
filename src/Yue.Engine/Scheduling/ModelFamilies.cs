using Yue.Engine.Families;
using Yue.Engine.Families.Yue1;
using Yue.Engine.Songs;

namespace Yue.Engine.Scheduling;

/// <summary>The model families of this program. No other place outside a family's folder names one.</summary>
public static class ModelFamilies
{
    /// <summary>The families as callers see them, the default one first.</summary>
    public static IReadOnlyList<FamilyDescription> Descriptions { get; } = [Yue1Family.About];

    /// <summary>Returns the families, the default one first.</summary>
    internal static IReadOnlyList<IModelFamily> Of(EngineOptions options) =>
        [new Yue1Family(new Yue1Settings(options.Stage2, options.Codec, options.Tokenizer, options.ContextTokens))];

    /// <summary>Opens the checkpoints that the settings name, each with the family that recognizes its folder. If they name none, opens
    /// the default family's built-in model.</summary>
    /// <remarks>A folder that no family recognizes goes to the default family, which says what is wrong with it.</remarks>
    internal static IReadOnlyList<IFamilySongs> Open(IReadOnlyList<IModelFamily> families, EngineOptions options)
    {
        if (options.Stage1.Count == 0)
        {
            return [families[0].Open([])];
        }

        IModelFamily FamilyOf(string folder) => families.FirstOrDefault(family => family.Recognizes(folder)) ?? families[0];
        return [.. options.Stage1.GroupBy(checkpoint => FamilyOf(checkpoint.Value)).Select(group => group.Key.Open([.. group]))];
    }
}
