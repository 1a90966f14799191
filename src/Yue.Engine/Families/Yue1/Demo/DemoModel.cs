namespace Yue.Engine.Families.Yue1.Demo;

/// <summary>The folders of the demo model's checkpoints.</summary>
/// <param name="Stage1">The stage-1 folder, with <c>tokenizer.model</c>.</param>
/// <param name="Stage2">The stage-2 folder.</param>
/// <param name="Codec">The codec folder, with the vocoders.</param>
public sealed record DemoModelFolders(string Stage1, string Stage2, string Codec);

/// <summary>The built-in model: a complete, small checkpoint set in the real formats, trained on songs made by a program.</summary>
/// <remarks>Its files are next to the program. The model card, <c>README.md</c> in the same folder, describes them and how they were
/// made.</remarks>
public static class DemoModel
{
    /// <summary>The name that requests use.</summary>
    public const string Name = "demo";

    private const string FolderName = "demo-model";

    /// <summary>The folders of the model, next to the program.</summary>
    public static DemoModelFolders Folders { get; } = In(Path.Combine(AppContext.BaseDirectory, FolderName));

    private static DemoModelFolders In(string folder) => new(
        Path.Combine(folder, "YuE-s1-demo"), Path.Combine(folder, "YuE-s2-demo"), Path.Combine(folder, "xcodec_mini_infer"));
}
