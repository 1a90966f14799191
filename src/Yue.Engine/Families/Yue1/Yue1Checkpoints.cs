using System.Text.RegularExpressions;
using Yue.Engine.Families.Yue1.Demo;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Llama;
using Yue.Engine.Weights;

namespace Yue.Engine.Families.Yue1;

/// <summary>The checkpoint folders of YuE 1.</summary>
/// <param name="Stage1">The stage-1 folders, each with the name that requests use, the default first.</param>
/// <param name="Stage2">The stage-2 folder.</param>
/// <param name="Codec">The codec folder, with the vocoders.</param>
/// <param name="Tokenizer">The SentencePiece model; null means <c>tokenizer.model</c> in the stage-1 folder.</param>
/// <param name="ContextTokens">The maximum stage-1 context in tokens; 0 means the checkpoint's limit.</param>
/// <param name="IsDemo">True for the built-in demo model, which was trained on Latin letters only.</param>
internal sealed partial record Yue1Checkpoints(
    IReadOnlyList<KeyValuePair<string, string>> Stage1,
    string Stage2,
    string Codec,
    string? Tokenizer = null,
    int ContextTokens = 0,
    bool IsDemo = false)
{
    /// <summary>The folders of LoRA adapters, by name.</summary>
    public IDictionary<string, string> Loras { get; init; } = new Dictionary<string, string>();

    /// <summary>Returns the folders of the built-in demo model.</summary>
    public static Yue1Checkpoints Demo(Yue1Settings settings) => new(
        [new(DemoModel.Name, DemoModel.Folders.Stage1)],
        DemoModel.Folders.Stage2,
        DemoModel.Folders.Codec,
        settings.Tokenizer,
        settings.ContextTokens,
        IsDemo: true);

    /// <summary>Returns the folders in the settings.</summary>
    /// <exception cref="CheckpointException">The stage-2 or the codec folder is not set.</exception>
    public static Yue1Checkpoints Of(IReadOnlyList<KeyValuePair<string, string>> stage1, Yue1Settings settings) => new(
        stage1,
        settings.Stage2 ?? throw new CheckpointException("settings", "Stage2 is not set; set it to the stage-2 checkpoint folder"),
        settings.Codec ?? throw new CheckpointException("settings", "Codec is not set; set it to the xcodec_mini_infer folder"),
        settings.Tokenizer,
        settings.ContextTokens)
    {
        Loras = settings.Loras ?? new Dictionary<string, string>(),
    };

    /// <summary>Returns the folder of the LoRA adapter that a stage-1 name contains after its <c>+</c>; null if it contains none.</summary>
    /// <exception cref="CheckpointException">No such adapter is configured.</exception>
    public string? AdapterOf(string name) =>
        ModelName.LoraOf(name) is not { } lora ? null
        : Loras.TryGetValue(lora, out var folder) ? folder
        : throw new CheckpointException("settings", $"Lora:{lora} is not set; set it to the folder of the adapter that {name} needs");

    /// <summary>Returns the prompt builder of a stage-1 checkpoint.</summary>
    /// <param name="folder">Its folder.</param>
    public PromptBuilder Prompts(string folder) =>
        new(YueTokenizer.Load(Tokenizer ?? Path.Combine(folder, "tokenizer.model")), latinOnly: IsDemo);

    /// <summary>Returns true for a stage-1 checkpoint that was not trained on audio prompts: a cot checkpoint, not an icl one. The config
    /// files of both kinds are the same; only the published names differ (docs/model.md 1).</summary>
    /// <param name="i">Its index in <see cref="Stage1"/>.</param>
    public bool IsLyricsOnly(int i)
    {
        var (name, folder) = Stage1[i];
        return LyricsOnly().IsMatch(ModelName.CheckpointOf(name)) || LyricsOnly().IsMatch(Path.TrimEndingDirectorySeparator(folder));
    }

    /// <summary>Matches the name of a cot checkpoint, which may be quantized or have an adapter.</summary>
    [GeneratedRegex(@"-cot(\+[^/\\]*)?(-int[46])?\z", RegexOptions.IgnoreCase)]
    private static partial Regex LyricsOnly();

    /// <summary>Returns the dimensions of a stage-1 checkpoint, with the context cut to the limit.</summary>
    public LlamaConfig Stage1Config(string folder)
    {
        var config = LlamaConfig.Load(folder);
        return ContextTokens > 0 ? config with { MaxPositions = Math.Min(config.MaxPositions, ContextTokens) } : config;
    }
}
