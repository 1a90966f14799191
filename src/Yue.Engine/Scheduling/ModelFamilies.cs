using Yue.Engine.Families;
using Yue.Engine.Families.Yue1;
using Yue.Engine.Families.Yue2;
using Yue.Engine.Residency;
using Yue.Engine.Songs;

namespace Yue.Engine.Scheduling;

/// <summary>The model families of this program. In the engine, only this class refers to them from outside their folders.</summary>
public static class ModelFamilies
{
    /// <summary>The descriptions of the families, the default one first.</summary>
    public static IReadOnlyList<FamilyDescription> Descriptions { get; } = [Yue1Family.About, Yue2Family.About];

    /// <summary>Returns the families, the default one first.</summary>
    internal static IReadOnlyList<IModelFamily> Of(EngineOptions options) =>
    [
        new Yue1Family(new Yue1Settings(options.Stage2, options.Codec, options.Tokenizer, options.ContextTokens, options.Lora)),
        new Yue2Family(new Yue2Settings(options.Vae, options.ContextTokens)),
    ];

    /// <summary>Returns the family of a checkpoint folder, or the default family if none recognizes it.</summary>
    public static FamilyDescription FamilyOf(string folder)
    {
        var families = Of(new EngineOptions());
        return Descriptions[families.Index().First(family => family.Item == FamilyOf(families, folder)).Index];
    }

    /// <summary>Returns the name of the LoRA adapter in the name of a model (<c>CHECKPOINT+LORA</c>); null if there is none.</summary>
    public static string? LoraOf(string model) => ModelName.LoraOf(model);

    /// <summary>Returns the folders that the families need in addition to those of <see cref="EngineOptions.Stage1"/>.</summary>
    public static IReadOnlyList<FamilyFolder> FoldersOf(EngineOptions options)
    {
        var families = Of(options);
        var (yue1, yue2) = (families[0], families[1]);
        bool Uses(IModelFamily family) => options.Stage1.Values.Any(folder => FamilyOf(families, folder) == family);
        return
        [
            new(nameof(options.Stage2), options.Stage2, Uses(yue1)),
            new(nameof(options.Codec), options.Codec, Uses(yue1)),
            new(nameof(options.Vae), options.Vae, Uses(yue2)),
        ];
    }

    /// <summary>Plans the memory of a GPU for the configured checkpoints. Reads their dimensions and loads nothing.</summary>
    /// <param name="options">The settings.</param>
    /// <param name="freeBytes">The free memory of the GPU.</param>
    /// <exception cref="Weights.CheckpointException">The dimensions of a checkpoint cannot be read.</exception>
    public static MemoryAdvice AdviseMemory(EngineOptions options, long freeBytes)
    {
        var families = Open(Of(options), options);
        try
        {
            return MemoryAdvice.For([.. families.Select(family => family.Costs)], options, freeBytes);
        }
        finally
        {
            foreach (var family in families)
            {
                family.Dispose();
            }
        }
    }

    /// <summary>Opens the configured checkpoints, each with the family that recognizes its folder. If none are configured, opens the
    /// default family's built-in model.</summary>
    /// <remarks>A folder that no family recognizes is passed to the default family, which reports the error.</remarks>
    internal static IReadOnlyList<IFamilySongs> Open(IReadOnlyList<IModelFamily> families, EngineOptions options)
    {
        if (options.Stage1.Count == 0)
        {
            return [families[0].Open([])];
        }

        return
        [
            .. options.Stage1.GroupBy(checkpoint => FamilyOf(families, checkpoint.Value)).Select(group => group.Key.Open([.. group])),
        ];
    }

    private static IModelFamily FamilyOf(IReadOnlyList<IModelFamily> families, string folder) =>
        families.FirstOrDefault(family => family.Recognizes(folder)) ?? families[0];
}

/// <summary>A folder that a family needs in addition to the checkpoints that requests can name.</summary>
/// <param name="Setting">The name of the setting.</param>
/// <param name="Folder">The folder; null if the setting is not set.</param>
/// <param name="IsNeeded">True if a checkpoint of the family is configured.</param>
public sealed record FamilyFolder(string Setting, string? Folder, bool IsNeeded);
